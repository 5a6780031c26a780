"""`make messages`: bring the catalogs up to date with the code, and name what has no translation yet."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatsite.settings")

from tests.languages import catalogs  # settings first

for language, domain in catalogs.each():
    missing = catalogs.update(language, domain)
    print(f"{catalogs.place(language, domain, 'po')}: {len(missing)} without translation")
    for message in missing:
        print(f"  {message}")
