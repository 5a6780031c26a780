"""The gate by itself, in case something before it fails."""

import pytest

from conversations.markdown.gate import cleaned


@pytest.mark.parametrize(
    ("untrusted", "clean"),
    [
        ('<p id="composer" name="x" style="x" title="x" data-x="x" hx-get="/x" onclick="x">a</p>', "<p>a</p>"),
        ('<span class="badge">a</span>', "<span>a</span>"),
        ('<span class="k badge">a</span>', "<span>a</span>"),
        ("<script>a</script><img src=x><form>b</form><hx-partial>c</hx-partial>", "abc"),
        ('<input type="checkbox"><template>a</template><svg><title>b</title></svg><!-- c -->', ""),
    ],
)
def test_only_what_is_allowed_passes(untrusted: str, clean: str) -> None:
    assert cleaned(untrusted) == clean


@pytest.mark.parametrize("href", ["/logout", "//evil.tld", "javascript:x", "?x", "data:x", "vscode://x"])
def test_only_web_and_mail_addresses_pass(href: str) -> None:
    assert cleaned(f'<a href="{href}">a</a>') == '<a target="_blank" rel="noopener noreferrer nofollow ugc">a</a>'
