"""Reading a table: your working file.

Run it once as it is. Then fill in one task at a time, and run it after every change.
"""

import pandas as pd

# Task 1: load the table and print its shape.
# The file is called "weather_station.csv" and lies in the folder "datasets".


# Task 2: print the type of every column.


# Task 3: count the missing values in each column.


# Task 4: keep the days with a maximum of at least 25 degrees and count them.


# Task 5: the mean of the rain, with blanks left out and with blanks turned into zeros.


print(f"Ready. This file uses pandas {pd.__version__}.")
