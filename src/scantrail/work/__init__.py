"""What is done beside scoring: jobs, monitoring, deliveries, and the worker that does them."""
