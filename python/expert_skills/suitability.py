"""Compares a table with the requirements of a task. Only stated requirements and the file itself can block."""
import table_facts
import words

COLUMN_WARNING = 0.3
DUPLICATE_WARNING = 0.1
MAX_ISSUES = 40
NUMBERS = {"int", "float", "number", "numeric", "integer", "double"}
TEXTS = {"object", "str", "string", "text"}


class Issues:
    """Issues with their codes and their texts."""

    def __init__(self, language):
        self.language = language
        self.found = []

    def add(self, severity, code, **facts):
        if len(self.found) < MAX_ISSUES:
            text = words.sentence(code, self.language, **facts)
            self.found.append({"severity": severity, "code": code, "text": text, **{key: str(value) for key, value in facts.items()}})

    def texts(self, severity):
        return [issue["text"] for issue in self.found if issue["severity"] == severity]


def judge_table(table, requirements, language):
    """The judgement on a table that could be read."""
    frame = table.frame
    issues = Issues(language)
    facts = table_facts.table_facts(table, frame)
    columns = table_facts.columns_of(frame, frame)
    if facts["row_count"] == 0:
        issues.add("blocking", "file_empty")
    _check_columns(issues, frame, requirements)
    _check_types(issues, columns, requirements)
    _check_amounts(issues, facts, requirements)
    _warn(issues, facts, columns)
    evidence = {
        "columns_found": [column["name"] for column in columns], "columns_required": requirements.get("required_columns") or [],
        "row_count": facts["row_count"], "duplicate_rows": facts["duplicate_rows"], "overall_missing_rate": facts["overall_missing_rate"],
        "missing_rate_by_column": {column["name"]: column["missing_rate"] for column in columns if column["missing_count"] > 0},
        "dtypes": {column["name"]: column["dtype"] for column in columns}, "encoding": facts["encoding"],
    }
    return judgement(issues, evidence)


def judge_unreadable(code, detail, language):
    """The judgement on a file that is no table."""
    issues = Issues(language)
    values = {"detail": detail} if code == "format_unsupported" else {}
    issues.add("blocking", code, **values)
    return judgement(issues, {})


def judgement(issues, evidence):
    blocking = issues.texts("blocking")
    return {
        "is_suitable": len(blocking) == 0, "blocking_issues": blocking, "warning_issues": issues.texts("warning"),
        "evidence": {**evidence, "issues": issues.found},
    }


def _check_columns(issues, frame, requirements):
    required = requirements.get("required_columns") or []
    if not required:
        return
    present = set(frame.columns)
    missing = [name for name in required if name not in present]
    if missing:
        issues.add("blocking", "column_missing", columns=words.quoted(missing))
    extra = [table_facts.clip(name, 80) for name in frame.columns if name not in set(required)]
    if extra:
        issues.add("warning", "extra_columns", columns=words.quoted(extra))


def _check_types(issues, columns, requirements):
    by_name = {column["name"]: column for column in columns}
    for name, expected in (requirements.get("expected_dtypes") or {}).items():
        column = by_name.get(name)
        if column is not None and not is_compatible(column["dtype"], column["dtype_exact"], expected):
            issues.add("blocking", "dtype_mismatch", column=words.quoted([name]), expected=expected, actual=column["dtype"])


def is_compatible(actual, exact, expected):
    wanted = expected.strip().lower()
    if wanted in (actual.lower(), exact.lower()):
        return True
    if _is_number(wanted) and _is_number(actual):
        return True
    if wanted in TEXTS and actual == "object":
        return True
    return wanted.startswith("datetime") and actual.startswith("datetime")


def _is_number(name):
    return name in NUMBERS or name.rstrip("0123456789") in ("int", "uint", "float")


def _check_amounts(issues, facts, requirements):
    rows = requirements.get("minimum_rows")
    if rows is not None and facts["row_count"] < rows:
        issues.add("blocking", "too_few_rows", actual=facts["row_count"], expected=rows)
    most = requirements.get("maximum_missing_rate")
    if most is not None and facts["overall_missing_rate"] > most:
        issues.add("blocking", "missing_rate_too_high", actual=words.percent(facts["overall_missing_rate"]), expected=words.percent(most))
    if requirements.get("allow_duplicates") is False and facts["duplicate_rows"] > 0:
        issues.add("blocking", "duplicates_not_allowed", actual=facts["duplicate_rows"])


def _warn(issues, facts, columns):
    for column in columns:
        if column["missing_rate"] > COLUMN_WARNING:
            issues.add("warning", "column_missing_values", column=words.quoted([column["name"]]), actual=words.percent(column["missing_rate"]))
        if column.get("mixed_types"):
            issues.add("warning", "mixed_types", column=words.quoted([column["name"]]))
    share = table_facts.rate(facts["duplicate_rows"], facts["row_count"])
    if share > DUPLICATE_WARNING:
        issues.add("warning", "many_duplicates", actual=words.percent(share))
