from django.apps import AppConfig
from django.contrib.admin import apps as admin


class AccountsConfig(AppConfig):
    name = "accounts"


class DeskConfig(admin.AdminConfig):
    default = False  # INSTALLED_APPS names it
    default_site = "accounts.desk.Desk"
