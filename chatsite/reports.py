"""What the page of an error under DEBUG, and a report of one, leave out."""

import re

from django.views.debug import SafeExceptionReporterFilter


class Scrubbed(SafeExceptionReporterFilter):
    """Django's own knows keys, tokens and passwords by their names. The address of a database holds one as well."""

    hidden_settings = re.compile(SafeExceptionReporterFilter.hidden_settings.pattern + "|_URL", re.IGNORECASE)
