"""Bad days, played against real processes: two web, two workers, a PostgreSQL of their own, a scripted provider.

    house     starts it all, with a cable of ours (tests/cable.py) wherever two programs talk, and mends what broke
    model     what the provider says to each question, and what it really sent
    pages     people's pages: they ask, follow by socket, come back after every end, and remember all they were shown
    promises  what must hold after every row, looked at from outside
    table     the rows by name; rows/ has them, one kind of fault a file
    soak      random faults under random load, replayable by its seed

It is plain Python, so that a row can be played by hand and the soak can run for as long as one likes; pytest plays the
quick rows (test_quick_rows.py) in `make check`, and `make faults` all of them.
"""
