"""The measurements of the house. `make bench` runs them all and writes docs/benchmarks.md.

One measurement a module, which runs by itself too: `python -m bench.streams --streams 200 --over 1`. Each has a
`measure` that returns its figures as records. All of it talks to loopback only and ends what it started.
"""
