"""Comparing groups: your working file.

Run it once as it is. Then fill in one task at a time, and run it after every change.
"""

import pandas as pd

# Task 1: load "study_methods.csv" and count the rows of each value of "group".


# Task 2: give each group one name, and count again.


# Task 3: mean and count of "score" for each group.


# Task 4: median and minimum beside the mean.


# Task 5: write your conclusion as a comment of two or three sentences.


print(f"Ready. This file uses pandas {pd.__version__}.")
