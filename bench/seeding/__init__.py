"""A database as large as wanted, the same one every time: for measurements and for tests that read plans.

    DATABASE_URL=… python -m bench.seeding --conversations 100000 --messages 5000000 --members 500

In bench/ and no management command: what fills a database with made-up members must not lie within reach of those who
run a real one. The image has no bench/, `manage.py help` doesn't list it, and it refuses a database with members.

A table that comes later gets a function beside the others and a line in `GROUPS`.
"""
