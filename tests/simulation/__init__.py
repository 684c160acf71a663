"""Seeded simulation: the product's own code, its database and the emulator in process, under faults and kills.

`scenario` draws and runs one scenario, `stage` lets several workers take turns, `wire` is the faulty network, `people`
work on both sides, and `checker`, which knows nothing of the product, judges the outcome.
"""
