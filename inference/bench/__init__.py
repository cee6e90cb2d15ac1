"""Benchmarks: workloads, engine processes, comparison and report."""
