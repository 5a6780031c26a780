"""Words in the language of the page: `{% words %}` of its scripts, and `{{ …|translated }}` out of rows."""

from functools import cache

from django import template
from django.conf import settings
from django.utils.html import json_script
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation.trans_real import DjangoTranslation
from django.views.i18n import JavaScriptCatalog

from catalog import sentences

register = template.Library()
register.filter("translated", sentences.translated)


@register.simple_tag
def words() -> SafeString:
    """Data in the page, where Django's own way would be one more request. Each by its English, so for English none."""
    return _words(get_language() or settings.LANGUAGE_CODE)


@cache
def _words(language: str) -> SafeString:
    view = JavaScriptCatalog()
    view.translation = DjangoTranslation(language, domain="djangojs", localedirs=[*map(str, settings.LOCALE_PATHS)])
    return json_script(view.get_catalog(), "words")
