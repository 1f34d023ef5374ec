"""Reference solution, read by the solution guard only. It is never copied to a learner."""

import pandas as pd

weather = pd.read_csv("datasets/weather_station.csv")

# load_table
print(weather.shape)
print(weather.head())

# describe_columns
print(weather.dtypes)

# count_missing
missing = weather.isna().sum()
print(missing)
print("missing cells in all:", missing.sum())

# filter_warm_days
warm = weather[weather["temp_max"] >= 25]
print("warm days:", len(warm))
print("first warm day:", warm["date"].iloc[0])

# summarise_rain
print("mean of the measured days:", round(weather["rain_mm"].mean(), 2))
print("measured days:", weather["rain_mm"].count())
print("mean with blanks as zeros:", round(weather["rain_mm"].fillna(0).mean(), 2))

# sort_coldest
print(weather.sort_values("temp_min")[["date", "temp_min"]].head(3))

# warm_and_dry
warm_and_dry = weather[(weather["temp_max"] >= 25) & (weather["rain_mm"] == 0)]
print("warm and dry days:", len(warm_and_dry))
