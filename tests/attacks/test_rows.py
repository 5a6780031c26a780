"""Which test stands for which attack: sockets (WS), others' things (ID), sessions and rights (AU), keys (LK), CPU (RD).

`file::test`, below tests/. A test that was renamed or lost fails here.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
SOCKET, MATRIX = "conversations/test_socket.py", "attacks/test_routes.py"
SIGNING_IN, LINKS, ADMIN = "accounts/test_signing_in.py", "accounts/test_links.py", "accounts/test_admin.py"
IMAGES, SOCKETS, HEADERS = "attacks/test_images.py", "attacks/test_sockets.py", "attacks/test_headers.py"
STRANGERS, DESK, LEAKS = "conversations/test_strangers.py", "attacks/test_desk.py", "attacks/test_leaks.py"

ROWS = {
    "WS1 another origin": [
        "attacks/test_production.py::test_a_page_of_another_origin_opens_no_socket",
        f"{SOCKET}::test_another_sites_page_is_refused_before_it_is_accepted",
        f"{SOCKET}::test_two_origins_are_none",
    ],
    "WS2 no session, an expired one, a disabled member": [
        f"{SOCKET}::test_a_visitor_who_is_not_signed_in_is_accepted_and_then_told",
        f"{SOCKET}::test_a_session_that_is_none_any_more_is_told_the_same",
    ],
    "WS3 a right that ends while the socket is open": [
        f"{SOCKET}::test_a_socket_whose_right_has_ended_is_closed_within_two_seconds",
        f"{SOCKET}::test_a_conversation_deleted_while_it_is_open_is_not_there_any_more",
        f"{SOCKETS}::test_a_socket_that_kept_silent_does_not_outlive_its_session",
    ],
    "WS6 a socket's name in a request": [f"{SOCKETS}::test_no_request_takes_the_name_of_a_socket"],
    "WS8 floods": [
        f"{SOCKETS}::test_a_socket_that_floods_us_is_closed_and_the_others_read_on",
        f"{SOCKETS}::test_of_too_many_sockets_of_one_member_the_oldest_are_closed",
        f"{SOCKETS}::test_who_opens_sockets_without_end_is_told_to_stop_and_nobody_else_is",
        f"{SOCKET}::test_acknowledging_what_was_never_given_gains_nothing",
    ],
    "WS9 a reader that does not read": [
        f"{SOCKETS}::test_who_acknowledges_without_reading_is_hung_up_on",
        "conversations/test_feed_flow.py::test_who_does_not_acknowledge_in_time_is_closed_and_the_others_go_on",
    ],
    "WS10 heads and bodies that drip": ["attacks/test_bodies.py::test_a_head_that_drips_is_not_waited_for"],
    "WS12 a page on a neighbouring name": [
        "attacks/test_production.py::test_the_cookies_are_for_this_host_alone_and_travel_to_no_other_sites_post",
        "attacks/test_production.py::test_a_cookie_of_the_insecure_name_is_nobodys",
    ],
    "ID1 another's looks like none": [
        "attacks/test_access.py::test_what_is_anothers_looks_like_what_never_was_and_costs_the_same",
        f"{STRANGERS}::test_to_a_stranger_a_conversation_looks_like_one_that_never_was",
        f"{SOCKET}::test_anothers_conversation_and_one_that_is_not_there_are_the_same",
    ],
    "ID3 another's message below one's own conversation": [
        f"{STRANGERS}::test_anothers_message_is_not_found_under_ones_own_conversation"
    ],
    "ID4 another's image in one's own question": [
        f"{IMAGES}::test_another_members_image_can_not_be_kept_in_ones_own_question"
    ],
    "ID6 another's stream": [f"{MATRIX}::test_everybody_gets_the_socket_that_is_theirs"],
    "ID11 ids": ["attacks/test_access.py::test_ids_in_addresses_can_not_be_guessed"],
    "ID12 an image after the right to it": [f"{IMAGES}::test_an_image_of_a_deleted_conversation_is_gone_at_once"],
    "ID13 lists and counts": [f"{STRANGERS}::test_the_list_holds_nobody_elses_conversations"],
    "ID15 every route, everybody": [
        f"{MATRIX}::test_every_route_has_a_line_and_every_line_a_route",
        f"{MATRIX}::test_a_route_that_somebody_adds_has_no_line",
        f"{MATRIX}::test_everybody_gets_the_answer_that_is_theirs",
        f"{MATRIX}::test_every_socket_has_a_line",
        f"{MATRIX}::test_every_path_that_is_answered_before_django_has_a_line",
    ],
    "AU1 a session's key that somebody knows": [
        f"{SIGNING_IN}::test_the_session_gets_a_new_key_at_sign_in_and_the_old_one_is_dead",
        f"{SIGNING_IN}::test_a_session_key_that_somebody_chose_is_not_taken_over",
        f"{SIGNING_IN}::test_a_changed_password_keeps_this_device_and_signs_out_the_others",
        f"{LINKS}::test_following_anothers_link_ends_ones_own_session_once_the_password_is_chosen",
    ],
    "AU2 a cookie that was kept": [
        f"{SIGNING_IN}::test_signing_out_ends_the_session_for_whoever_kept_its_cookie",
        f"{SIGNING_IN}::test_a_deactivated_member_is_signed_out_with_their_next_request",
        f"{LINKS}::test_a_link_for_somebody_who_has_a_password_signs_their_other_devices_out",
    ],
    "AU3 another site's form": [
        "attacks/test_csrf.py::test_another_sites_page_posts_nothing",
        f"{MATRIX}::test_looking_changes_nothing",
    ],
    "AU4 signing others in and out": [
        "attacks/test_csrf.py::test_nobody_is_signed_in_by_another_sites_page",
        "attacks/test_csrf.py::test_nobody_is_signed_out_by_an_address_alone",
    ],
    "AU5 columns in forms": [
        "attacks/test_mass_assignment.py::test_a_form_takes_what_it_shows_and_no_column_besides",
        f"{ADMIN}::test_the_form_for_a_new_member_asks_for_no_password_and_takes_no_rights",
        f"{LINKS}::test_a_link_sets_a_password_and_nothing_else",
    ],
    "AU6 the first administrator": [
        "accounts/test_first.py::test_of_thirty_first_administrators_at_once_exactly_one_is_made"
    ],
    "AU7 signing up, and links": [
        f"{SIGNING_IN}::test_there_is_no_signing_up_and_no_page_we_do_not_use",
        f"{LINKS}::test_of_twenty_uses_of_one_link_at_once_exactly_one_wins",
        f"{LINKS}::test_one_members_token_opens_nobody_elses_page",
    ],
    "AU8 a disabled member, everywhere": [
        f"{MATRIX}::test_everybody_gets_the_answer_that_is_theirs",
        f"{MATRIX}::test_everybody_gets_the_socket_that_is_theirs",
    ],
    "AU14 guessing passwords": [
        f"{SIGNING_IN}::test_after_five_wrong_passwords_from_anywhere_an_account_rests",
        f"{SIGNING_IN}::test_one_visitor_guesses_ten_times_a_minute_whatever_the_account",
        f"{SIGNING_IN}::test_forty_guesses_at_once_are_five_guesses_at_most",
        f"{HEADERS}::test_guesses_are_not_spread_over_addresses_that_a_visitor_makes_up",
    ],
    "AU16 headers that a proxy would set": [
        f"{HEADERS}::test_nobody_becomes_a_member_by_a_header",
        f"{HEADERS}::test_a_proxys_words_count_for_nothing_when_there_is_no_proxy",
        "attacks/test_production.py::test_only_the_proxys_own_header_says_that_it_was_https",
    ],
    "AU17 hosts and addresses": [
        f"{HEADERS}::test_a_host_that_is_not_ours_is_refused_and_said_nowhere",
        f"{HEADERS}::test_two_hosts_are_none",
        f"{HEADERS}::test_an_address_in_place_of_a_path_leads_to_no_page_and_nowhere_else",
        f"{HEADERS}::test_what_is_ours_alone_is_not_reached_by_another_spelling_of_its_path",
        f"{HEADERS}::test_no_socket_is_opened_by_another_spelling_of_its_address",
    ],
    "AU18 the admin without permission": [
        f"{DESK}::test_who_may_only_look_at_routes_changes_none_and_no_step_of_theirs",
        f"{DESK}::test_who_may_change_routes_but_no_steps_changes_no_steps",
        f"{DESK}::test_an_address_asks_for_no_column_that_is_not_shown",
        f"{DESK}::test_suggestions_are_for_those_who_may_look",
    ],
    "AU19 keys before an administrator's eyes": [
        f"{DESK}::test_an_administrator_sees_no_key_anywhere",
        "catalog/test_admin.py::test_no_page_shows_a_key_again",
        "catalog/test_admin.py::test_the_history_says_that_a_key_was_changed_and_not_to_what",
        "catalog/test_keys.py::test_an_export_holds_no_key_and_nothing_that_could_be_opened",
        "catalog/test_admin.py::test_a_report_of_an_error_while_a_key_is_saved_does_not_hold_it",
    ],
    "AU20 the last administrator, and rights beyond one's own": [
        f"{ADMIN}::test_the_last_active_superuser_stays",
        f"{ADMIN}::test_two_superusers_who_demote_each_other_at_once_leave_one",
        f"{ADMIN}::test_charlie_gives_only_permissions_and_groups_that_he_has",
        f"{ADMIN}::test_charlie_makes_nobody_a_superuser",
    ],
    "AU21 links to choose a password": [
        f"{LINKS}::test_a_link_dies_with_what_it_vouched_for",
        f"{LINKS}::test_a_used_link_is_gone_in_every_browser",
        f"{SIGNING_IN}::test_a_forgotten_password_is_chosen_anew_by_a_mailed_link",
        "attacks/test_bodies.py::test_no_client_says_what_our_addresses_begin_with",
    ],
    "AU22 names in disguise": [
        "accounts/test_names.py::test_a_name_that_looks_like_bobs_and_is_another_is_refused",
        "accounts/test_names.py::test_nobody_is_called_like_what_is_no_member",
    ],
    "RD4 searching": [f"{DESK}::test_what_is_searched_for_is_text_and_no_pattern"],
    "RD6 patterns from outside": ["attacks/test_choke_points.py::test_no_pattern_comes_from_outside"],
    "LK1 a key in a refusal": ["providers/test_secrets.py::test_an_exchange_that_fails_tells_nothing"],
    "LK2 an error with a key in hand": [
        f"{LEAKS}::test_a_page_that_breaks_with_a_key_in_hand_shows_none_and_logs_none",
        "catalog/test_keys.py::test_no_traceback_of_a_key_that_does_not_open_holds_it",
    ],
    "LK4 a copy of the database": [
        f"{LEAKS}::test_a_copy_of_the_database_opens_nothing",
        f"{LEAKS}::test_what_the_database_calls_a_session_is_no_cookie",
    ],
    "LK5 pages for machines": [
        f"{LEAKS}::test_what_machines_ask_gives_nothing_away",
        f"{MATRIX}::test_operators_paths_say_the_same_to_everybody",
    ],
    "LK6 what we tell the model": [f"{LEAKS}::test_what_we_tell_the_model_stands_on_no_page"],
    "LK7 guessed paths": [f"{LEAKS}::test_a_guessed_path_leads_to_nothing"],
}


@pytest.mark.parametrize("row", ROWS)
def test_every_attack_has_its_tests(row: str) -> None:
    assert ROWS[row]
    for name in ROWS[row]:
        file, _, test = name.partition("::")
        tree = ast.parse((TESTS / file).read_text())
        assert test in {it.name for it in tree.body if isinstance(it, ast.FunctionDef | ast.AsyncFunctionDef)}, name
