import { expect, it } from 'vitest';
import { needOf } from './program-needs.ts';

it.each([
  ['print(1)'],
  [''],
  ['import math'],
  ['import os, sys as system\nimport os.path'],
  ['from collections import Counter, deque  # for later'],
  ['from collections import (\n    Counter,\n    deque,\n)'],
  ['def f():\n    import random\n    return random.random()'],
  ['import math; import json'],
  ['try:\r\n    import statistics\r\nexcept ImportError:\r\n    pass'],
  ['important = "pandas"\nprint(important)'],
])('serves %j without imports', (code) => {
  expect(needOf(code)).toBe('light');
});

it.each([
  ['a heavy package', 'import pandas as pd'],
  ['a heavy package in a list', 'import math, numpy'],
  ['a part of one', 'from matplotlib import pyplot as plt'],
  ['one behind a light one', 'import math; import numpy as np'],
  ['one in a function', 'def f():\n\timport pandas'],
  ['one behind a condition', 'if True: import pandas'],
  ['a continued line', 'import \\\n  pandas'],
  ['a module of the learner', 'from helper import work'],
  ['a relative module', 'from . import helper'],
  ['a slow module of the standard library', 'import asyncio'],
  ['a name at run time', 'pd = __import__("pan" + "das")'],
  ['importlib', 'import importlib\nimportlib.import_module("pandas")'],
  ['code made at run time', 'exec("imp" + "ort pandas")'],
  ['code read at run time', 'code = compile(open("x.py").read(), "x", "exec")'],
  ['a text that mentions it', 'print("please import pandas")'],
  ['an import that is no Python', 'import 3'],
])('takes a loaded worker for %s', (_name, code) => {
  expect(needOf(code)).toBe('loaded');
});
