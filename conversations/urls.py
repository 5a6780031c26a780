"""The chat's paths."""

from django.urls import path

from conversations.views import acting, asking, attachments, people, preferences, reading, shared, shares

urlpatterns = [
    path("", reading.index, name="index"),
    path("older/", reading.older, name="older"),
    path("settings/", preferences.preferences, name="preferences"),
    path("parameters/", reading.parameters, name="parameters"),
    path("notices/<uuid:notice_id>/dismiss/", acting.dismiss, name="dismiss"),
    path("c/", asking.start, name="start"),
    path("c/<uuid:conversation_id>/", reading.conversation, name="conversation"),
    path("c/<uuid:conversation_id>/news/", reading.news, name="news"),
    path("c/<uuid:conversation_id>/cost/", reading.cost, name="cost"),
    path("c/<uuid:conversation_id>/ask/", asking.ask, name="ask"),
    path("c/<uuid:conversation_id>/i/<uuid:attachment_id>/", attachments.image, name="image"),
    path("c/<uuid:conversation_id>/stop/", acting.stop, name="stop"),
    path("c/<uuid:conversation_id>/rename/", acting.rename, name="rename"),
    path("c/<uuid:conversation_id>/delete/", acting.delete, name="delete"),
    path("c/<uuid:conversation_id>/seen/", people.seen, name="seen"),
    path("c/<uuid:conversation_id>/people/", people.people, name="people"),
    path("c/<uuid:conversation_id>/people/<uuid:membership_id>/", people.person, name="person"),
    path("c/<uuid:conversation_id>/leave/", people.leave, name="leave"),
    path("c/<uuid:conversation_id>/m/<uuid:message_id>/", reading.message, name="message"),
    path("c/<uuid:conversation_id>/m/<uuid:message_id>/earlier/", reading.earlier, name="earlier"),
    path("c/<uuid:conversation_id>/m/<uuid:message_id>/later/", reading.later, name="later"),
    path("c/<uuid:conversation_id>/m/<uuid:message_id>/edit/", asking.edit, name="edit"),
    path("c/<uuid:conversation_id>/m/<uuid:message_id>/again/", acting.again, name="again"),
    path("c/<uuid:conversation_id>/m/<uuid:message_id>/continue/", acting.carry_on, name="continue"),
    path("c/<uuid:conversation_id>/m/<uuid:message_id>/show/", acting.show, name="show"),
    path("c/<uuid:conversation_id>/m/<uuid:message_id>/source/", acting.source, name="source"),
    path("c/<uuid:conversation_id>/m/<uuid:message_id>/delete/", acting.delete_message, name="delete_message"),
    path("c/<uuid:conversation_id>/share/", shares.share, name="share"),
    path("shares/", shares.shares, name="shares"),
    path("shares/<uuid:share_id>/", shares.link, name="link"),
    path("shares/<uuid:share_id>/close/", shares.close, name="close_link"),
    path("shares/<uuid:share_id>/renew/", shares.renew, name="renew_link"),
    path("s/<link_token>/", shared.page, name="shared"),
    path("s/<link_token>/i/<hidden>/", shared.image, name="shared_image"),
    path("s/<link_token>/continue/", shared.fork, name="fork"),
]
