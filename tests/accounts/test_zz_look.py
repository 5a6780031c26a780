from accounts.models import User
import pytest
from tests.accounts.conftest import PASSWORD
@pytest.mark.django_db(transaction=True)
def test_look(live_server, page, alice, bob, settings):
    logs=[]
    page.on("console", lambda m: logs.append(m.text))
    page.goto(live_server.url+"/admin/")
    page.screenshot(path="/tmp/l1.png")
    page.fill("#id_login","alice@example.org"); page.fill("#id_password",PASSWORD); page.click("button.primary")
    page.goto(live_server.url+f"/admin/accounts/user/{bob.pk}/change/")
    page.screenshot(path="/tmp/l2.png")
    page.click("text=Make a new set-password link")
    page.screenshot(path="/tmp/l3.png")
    print(logs)
    url=page.input_value("#set-password-link")
    p2=page.context.browser.new_context().new_page()
    p2.goto(live_server.url+url[len("http://127.0.0.1:8000"):]); p2.screenshot(path="/tmp/l4.png")
