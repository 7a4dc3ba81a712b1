#!/usr/bin/env python3
"""An executor in an environment that lacks something."""

from fake_executor import Executor

Executor().fail("cloudpickle is missing: pip install cloudpickle")
