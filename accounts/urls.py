"""Signing in and out, and the one-time link that sets a password. There is no signing up."""

from allauth.account import views as allauth
from django.urls import path

from accounts import views
from accounts.forms import ChangePasswordForm, ChoosePasswordForm, SignInForm

# allauth finds its pages by these names. Its pages for signing up, for more addresses and for codes stay out.
urlpatterns = [
    path(
        "login/",
        allauth.LoginView.as_view(form_class=SignInForm, extra_context={"can_mail": views.can_mail}),
        name="account_login",
    ),
    path("logout/", allauth.logout, name="account_logout"),
    path("inactive/", allauth.account_inactive, name="account_inactive"),
    path(
        "password/change/",
        allauth.PasswordChangeView.as_view(form_class=ChangePasswordForm),
        name="account_change_password",
    ),
    path("password/set/", allauth.PasswordSetView.as_view(form_class=ChoosePasswordForm), name="account_set_password"),
    path("password/reset/", views.ask_for_link, name="account_reset_password"),
    path("password/reset/done/", allauth.password_reset_done, name="account_reset_password_done"),
    path("welcome/<uidb64>/<token>/", views.welcome, name="welcome"),
]
