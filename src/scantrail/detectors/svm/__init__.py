"""One-class SVM: scores rows of a feature matrix by how strange they are."""
