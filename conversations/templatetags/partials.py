"""What htmx replaces: `{% partial id %}…{% endpartial %}`."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_block_tag(end_name="endpartial")
def partial(content: SafeString, target: str, swap: str = "outerHTML") -> SafeString:
    """Put the content in place of the element with this id, or as `swap` says.

    Stripped: white space around it would stay in the page and pile up with every frame.
    """
    return format_html('<hx-partial id="{}" hx-swap="{}">{}</hx-partial>', target, swap, SafeString(content.strip()))
