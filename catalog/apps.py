from django.apps import AppConfig
from django.db.models.signals import post_delete, post_save
from django.utils.translation import gettext_lazy as _


class CatalogConfig(AppConfig):
    name = "catalog"
    verbose_name = _("Catalog")

    def ready(self) -> None:
        from catalog import models  # noqa: PLC0415  # there are no models before

        # Who changed it sees it at once, in the process that wrote it.
        for sender in (models.Provider, models.LanguageModel, models.Route, models.Step, models.Price, models.Rule):
            for signal in (post_save, post_delete):
                signal.connect(models.forget, sender)
