"""Today's, and tomorrow's migrations."""

from chatsite.settings import *  # noqa: F403  # settings of a version are all of them
from chatsite.settings import INSTALLED_APPS as TODAYS

INSTALLED_APPS = [*TODAYS, "tests.faults.tomorrow"]
