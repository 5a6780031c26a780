"""Every path of the product, by room."""

from django.contrib import admin
from django.urls import include, path

handler400 = "chatsite.views.bad_request"
handler500 = "chatsite.views.server_error"
urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include("accounts.urls")),
    path("", include("chatsite.installing")),
    path("", include("conversations.urls")),
]
