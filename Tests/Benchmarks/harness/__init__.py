"""What a benchmark run is made of: processes, load, counters, memory, scenarios and the report."""
