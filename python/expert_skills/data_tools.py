"""The data tools of the experts: reads `{tool, language, input}` on standard input, looks at one file in `inputs/`, prints one object."""
import json
import os
import sys
import warnings

import read_table
import suitability
import table_facts
import words

MAX_OUTPUT = 56000
DEFAULT_ROWS = 50


def inspect_dataset(table, request, language):
    rows = int(request.get("sample_rows") or DEFAULT_ROWS)
    inspected = table.frame.head(rows)
    return {
        **table_facts.table_facts(table, inspected), "columns": table_facts.columns_of(table.frame, inspected),
        "rows": table_facts.rows_of(inspected, rows),
    }


def profile_dataset(table, request, language):
    facts = table_facts.table_facts(table, table.frame)
    summary = words.sentence(
        "summary", language, rows=facts["row_count"], columns=facts["column_count"], missing=words.percent(facts["overall_missing_rate"]),
        duplicates=facts["duplicate_rows"])
    return {**facts, "columns": table_facts.columns_of(table.frame, table.frame, with_statistics=True), "summary": summary}


def check_suitability(table, request, language):
    return suitability.judge_table(table, request.get("task_requirements") or {}, language)


TOOLS = {"inspect_dataset": inspect_dataset, "profile_dataset": profile_dataset, "check_suitability": check_suitability}


def answer(call):
    """The result of one call; a file that cannot be read is a result too."""
    tool, language, request = call["tool"], call.get("language", "en"), call["input"]
    file_name = request["file_name"]
    path = os.path.join("inputs", *file_name.split("/"))
    try:
        result = TOOLS[tool](read_table.read_table(path), request, language)
    except read_table.Unreadable as problem:
        result = unreadable(tool, problem, language)
    return {"file_name": file_name, **result}


def unreadable(tool, problem, language):
    values = {"detail": problem.detail} if problem.code == "format_unsupported" else {}
    problem_text = words.sentence(problem.code, language, **values)
    if tool == "check_suitability":
        return suitability.judge_unreadable(problem.code, problem.detail, language)
    empty = {"row_count": 0, "rows_inspected": 0, "column_count": 0, "duplicate_rows": 0, "overall_missing_rate": 0.0, "columns": []}
    return {**empty, "summary": problem_text, "problem": problem.code, "message": problem_text}


def fit(result):
    """Shortens rows, then columns, until the text fits; what was left out is counted."""
    for name in ("rows", "columns"):
        while len(text_of(result)) > MAX_OUTPUT and result.get(name):
            kept = len(result[name]) // 2
            result = {**result, f"{name}_left_out": result.get(f"{name}_left_out", 0) + len(result[name]) - kept, name: result[name][:kept]}
    evidence = result.get("evidence")
    if len(text_of(result)) > MAX_OUTPUT and evidence:
        result = {**result, "evidence": {key: evidence[key] for key in ("row_count", "duplicate_rows", "overall_missing_rate", "issues") if key in evidence}}
    return result


def text_of(result):
    return json.dumps(result, ensure_ascii=True, allow_nan=False)


def main():
    warnings.simplefilter("ignore")
    print(text_of(fit(answer(json.loads(sys.stdin.read())))))


if __name__ == "__main__":
    main()
