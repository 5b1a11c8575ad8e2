"""Which items were made together: what chance strikes, it mostly strikes lot by lot."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.ingest.epc import decompose


def lots(codes: pl.Series) -> npt.NDArray[np.int64]:
    """A number for each item's lot, (n,), 0 …; items that tell none are bunched by their hash.

    >>> item = "001.8804823.1293291.0100{}.20250701.000004002"
    >>> lots(pl.Series([item.format("04"), item.format("05"), item.format("04")])).tolist()
    [0, 1, 0]
    """
    parts = decompose(codes).select("epc_code", "company", "product", "lot")
    bunch = pl.col("epc_code").fill_null("").hash(seed=0) % 1000
    keyed = parts.select(
        pl.when(pl.col("lot").is_not_null())
        .then(pl.concat_str("company", "product", "lot", separator=".", ignore_nulls=True))
        .otherwise(pl.format("?{}", bunch))
        .rank("dense")
    )
    return keyed.to_series().to_numpy().astype(np.int64) - 1
