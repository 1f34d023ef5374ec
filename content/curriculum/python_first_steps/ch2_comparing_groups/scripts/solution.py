"""Reference solution, read by the solution guard only. It is never copied to a learner."""

import pandas as pd

scores = pd.read_csv("datasets/study_methods.csv")

# count_groups
print(scores.shape)
print(scores["group"].value_counts(dropna=False))

# clean_labels
scores["group"] = scores["group"].str.strip().str.lower()
print(scores["group"].value_counts(dropna=False))

# compare_means
print(scores.groupby("group")["score"].agg(["count", "mean"]).round(1))

# check_medians
print(scores.groupby("group")["score"].agg(["mean", "median", "std", "min", "max"]).round(1))
practice = scores[scores["group"] == "practice tests"]
print(practice.sort_values("score").head(5))

# write_conclusion
# By the median, practice tests (69.5, 20 scores) and flashcards (69, 31 scores) are level, and rereading (64, 33 scores) is lower.
# Four empty sheets pull the mean of practice tests down to 56.9. Learners chose their method and studied for different times,
# so the table shows what went together, not what caused it.

# compare_minutes
print(scores.groupby("group")["minutes_per_day"].mean().round(1))
