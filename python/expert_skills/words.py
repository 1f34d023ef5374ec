"""Sentences of the data tools in the chapter's language."""

WORDS = {
    "file_empty": ("the file is empty", "文件是空的"),
    "file_unreadable": ("the file cannot be read as a table", "文件无法作为表格读取"),
    "file_too_large": ("the file is larger than 20 MB", "文件超过 20 MB"),
    "format_unsupported": ("the format {detail} is not supported; save the table as .csv or .xlsx and upload it again", "不支持 {detail} 格式，请另存为 .csv 或 .xlsx 后重新上传"),
    "column_missing": ("required columns are missing: {columns}", "缺少必需列：{columns}"),
    "dtype_mismatch": ("column {column} should be {expected} but is {actual}", "列 {column} 的数据类型应为 {expected}，实际为 {actual}"),
    "too_few_rows": ("{actual} rows are too few, {expected} are needed", "数据行数不足：需要至少 {expected} 行，实际 {actual} 行"),
    "missing_rate_too_high": ("{actual} of the values are missing, at most {expected} may be", "整体缺失率 {actual}，超过允许的 {expected}"),
    "duplicates_not_allowed": ("{actual} duplicate rows, none are allowed", "有 {actual} 个重复行，任务要求没有重复"),
    "extra_columns": ("further columns: {columns}", "包含额外的列：{columns}"),
    "column_missing_values": ("{actual} of the values in column {column} are missing", "列 {column} 有 {actual} 的值缺失"),
    "many_duplicates": ("{actual} of the rows are duplicates", "重复行占 {actual}"),
    "mixed_types": ("column {column} mixes numbers and texts", "列 {column} 混有数字和文字"),
    "summary": ("{rows} rows, {columns} columns; {missing} of the values are missing; {duplicates} duplicate rows", "共 {rows} 行、{columns} 列；缺失值占 {missing}；重复行 {duplicates} 个"),
}


def sentence(code, language, **values):
    english, chinese = WORDS[code]
    return (chinese if language == "zh" else english).format(**values)


def percent(share):
    return f"{share * 100:.1f}".rstrip("0").rstrip(".") + " %"


def quoted(names, limit=20):
    shown = ", ".join(f"'{name}'" for name in names[:limit])
    return shown if len(names) <= limit else f"{shown}, … ({len(names)})"
