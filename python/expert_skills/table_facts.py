"""Facts of a table as plain JSON: classic dtype names, finite numbers or null, short texts."""
import json
import math

import pandas as pd
from pandas.api import types

MAX_COLUMNS = 200
MAX_TEXT = 80
MAX_NAME = 120
SAMPLES = 3


def columns_of(frame, inspected, with_statistics=False):
    """Facts of each column; types come from the whole table, counts from the inspected rows."""
    facts = []
    for position in range(min(frame.shape[1], MAX_COLUMNS)):
        facts.append(_column(frame.iloc[:, position], inspected.iloc[:, position], with_statistics))
    return facts


def table_facts(table, inspected):
    """Counts of the table; duplicates and missing values are those of the inspected rows."""
    cells = inspected.shape[0] * inspected.shape[1]
    missing = int(inspected.isna().sum().sum())
    return {
        "row_count": int(table.frame.shape[0]), "rows_inspected": int(inspected.shape[0]), "column_count": int(table.frame.shape[1]),
        "duplicate_rows": duplicate_rows(inspected), "overall_missing_rate": rate(missing, cells),
        "format": table.format, "encoding": table.encoding, "notes": table.notes,
    }


def duplicate_rows(frame):
    return int(_hashable(frame).duplicated().sum()) if frame.shape[0] > 0 else 0


def classic_dtype(series):
    """The name that pandas has always used; every text type reads `object`."""
    dtype = series.dtype
    if types.is_bool_dtype(dtype):
        return "bool"
    if types.is_datetime64_any_dtype(dtype):
        return "datetime64[ns]" if getattr(dtype, "tz", None) is None else f"datetime64[ns, {dtype.tz}]"
    if types.is_timedelta64_dtype(dtype):
        return "timedelta64[ns]"
    if isinstance(dtype, pd.CategoricalDtype):
        return "category"
    if types.is_object_dtype(dtype) or types.is_string_dtype(dtype):
        return "object"
    return str(dtype).lower()


def is_mixed(series):
    """True for a column that holds texts and numbers side by side."""
    present = series.dropna()
    if classic_dtype(series) != "object" or len(present) == 0:
        return False
    kinds = {_kind(value) for value in present.head(10000)}
    return len(kinds & {"number", "text"}) == 2


def rate(part, whole):
    return round(part / whole, 4) if whole > 0 else 0.0


def number(value):
    """A finite number or null."""
    try:
        value = float(value)
    except (TypeError, ValueError):
        return None
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() and abs(value) < 2**53 else round(value, 6)


def plain(value):
    """Any cell as JSON; texts are clipped."""
    if value is None or value is pd.NaT or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, (bool, str)):
        return value if isinstance(value, bool) else clip(value, MAX_TEXT)
    if hasattr(value, "item"):
        return plain(value.item())
    if isinstance(value, (int, float)):
        return value if abs(value) < 2**53 else str(value)
    if isinstance(value, (dict, list)):
        return clip(json.dumps(value, ensure_ascii=False, default=str), MAX_TEXT)
    return clip(str(value), MAX_TEXT)


def clip(text, limit):
    text = text.encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= limit else text[: limit - 1] + "…"


def rows_of(frame, limit):
    names = [clip(name, MAX_NAME) for name in frame.columns[:MAX_COLUMNS]]
    return [dict(zip(names, (plain(value) for value in row))) for row in frame.head(limit).iloc[:, :MAX_COLUMNS].itertuples(index=False, name=None)]


def _column(whole, inspected, with_statistics):
    missing = int(inspected.isna().sum())
    facts = {
        "name": clip(str(whole.name), MAX_NAME), "dtype": classic_dtype(whole), "dtype_exact": str(whole.dtype), "missing_count": missing,
        "missing_rate": rate(missing, len(inspected)), "unique_count": int(_texts(inspected).nunique()),
        "sample_values": [plain(value) for value in inspected.dropna().head(SAMPLES)],
    }
    if is_mixed(inspected):
        facts["mixed_types"] = True
    if _is_number(whole):
        facts.update(_statistics(inspected, with_statistics))
    return facts


def _is_number(series):
    return types.is_numeric_dtype(series.dtype) and not types.is_bool_dtype(series.dtype) and not types.is_complex_dtype(series.dtype)


def _statistics(series, with_outliers):
    values = pd.to_numeric(series, errors="coerce").replace([math.inf, -math.inf], math.nan).dropna().astype("float64")
    q25, q75 = (values.quantile(0.25), values.quantile(0.75)) if len(values) > 0 else (None, None)
    facts = {
        "mean": number(values.mean()), "median": number(values.median()), "std": number(values.std()), "min": number(values.min()),
        "max": number(values.max()), "q25": number(q25), "q75": number(q75),
    }
    if with_outliers:
        spread = (q75 - q25) if len(values) > 0 else 0
        outside = values[(values < q25 - 1.5 * spread) | (values > q75 + 1.5 * spread)] if len(values) > 3 else values[:0]
        facts["outlier_count"] = int(len(outside))
        facts["outlier_values"] = [number(value) for value in outside.head(SAMPLES)]
    return facts


def _kind(value):
    if isinstance(value, bool):
        return "other"
    if isinstance(value, (int, float)):
        return "number"
    if not isinstance(value, str):
        return "other"
    try:
        float(value)
        return "number"
    except ValueError:
        return "text"


def _texts(series):
    """Lists and objects in cells cannot be counted as they are."""
    if classic_dtype(series) != "object":
        return series
    if not series.map(lambda value: isinstance(value, (dict, list, set))).any():
        return series
    return series.map(lambda value: json.dumps(value, sort_keys=True, default=str) if isinstance(value, (dict, list)) else value)


def _hashable(frame):
    return pd.concat([_texts(frame.iloc[:, position]) for position in range(frame.shape[1])], axis=1) if frame.shape[1] else frame
