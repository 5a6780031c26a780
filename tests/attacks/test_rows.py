"""Which test stands for which attack, `file::test` below tests/.

A test that was renamed or lost fails here, and so does an attack that has neither a test nor a reason to have none.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.attacks.routes import all_routes

TESTS = Path(__file__).resolve().parents[1]
SOCKET, MATRIX = "conversations/test_socket.py", "attacks/test_routes.py"
SIGNING_IN, LINKS, ADMIN = "accounts/test_signing_in.py", "accounts/test_links.py", "accounts/test_admin.py"
IMAGES, SOCKETS, HEADERS = "attacks/test_images.py", "attacks/test_sockets.py", "attacks/test_headers.py"
STRANGERS, DESK, LEAKS = "conversations/test_strangers.py", "attacks/test_desk.py", "attacks/test_leaks.py"
INJECTION, EXFILTRATION, TRUST = (
    "attacks/test_injection.py",
    "attacks/test_exfiltration.py",
    "attacks/test_safe_html.py",
)
RIGHTS, PERMISSIONS = "conversations/test_rights_of_sockets.py", "conversations/test_permissions.py"
FUZZ, TITLES, STRANGE = "attacks/test_renderer_fuzz.py", "attacks/test_titles.py", "journeys/test_strange_answers.py"
MARKDOWN = "conversations/markdown"
RENDERING, GATE, BOMBS = f"{MARKDOWN}/test_rendering.py", f"{MARKDOWN}/test_gate.py", f"{MARKDOWN}/test_bombs.py"
LIMITS, OVERSPENDING, ASKING = (
    "conversations/test_limits.py",
    "conversations/test_overspending.py",
    "conversations/test_asking.py",
)
CHARGING, HOLDING, CHECKING = "conversations/test_charging.py", "usage/test_holding.py", "usage/test_checking.py"
SHARES, SHARED, SHARING = (
    "attacks/test_shares.py",
    "conversations/test_shared_pages.py",
    "conversations/test_sharing.py",
)
SHARE_BYTES, LINK_SOCKETS = "attacks/test_share_bytes.py", "conversations/test_link_sockets.py"
CODE, FORMULAS = f"{MARKDOWN}/test_code.py", f"{MARKDOWN}/test_formulas.py"

# The numbers that are in use.
SECTIONS = {
    "XS": [1, 2, 4, *range(6, 9), *range(10, 13), 14, 15, *range(17, 24), *range(25, 28)],  # markup and script
    "EX": [*range(1, 5), *range(6, 9), *range(10, 13)],  # telling others what is ours
    "WS": [*range(1, 4), 6, *range(8, 11), 12],  # sockets
    "ID": [1, 3, 4, *range(6, 10), *range(11, 16)],  # what is others'
    "SH": [1, 2, *range(4, 11)],  # shared links
    "AU": [*range(1, 13), 14, *range(16, 23)],  # sessions and rights
    "EP": [2, 3, 4],  # exports and logs
    "QU": [1, 2, *range(4, 10), 11, 12, 13],  # limits and the ledger
    "RD": range(2, 8),  # the CPU
    "LK": [1, 2, *range(4, 8)],  # keys
}

# By a word that the addresses of the feature would hold: when it comes, a test below fails until its rows have theirs.
NOT_THERE_YET = {
    "tool": ["EX6", "EX7", "EX8", "EX10", "EX11"],  # nor a memory that a model could write to
    "export": ["EP2", "EP3", "ID14"],
    "preview": ["XS21"],  # of tables; the only files are images
    "v1/": ["ID9", "AU9", "AU10", "AU11", "AU12"],  # an interface for programs, and keys for it
}

ROWS = {
    "XS1 an element with a handler": [
        f"{INJECTION}::test_what_a_model_says_stays_in_its_message_at_every_state",
        f"{RENDERING}::test_an_attack_is_text",
        f"{STRANGE}::test_no_attack_runs_loads_anything_or_leaves_its_message",
    ],
    "XS2 the same in pieces": [
        f"{INJECTION}::test_one_character_at_a_time_it_stays_there_too",
        f"{MARKDOWN}/test_growing.py::test_an_attack_is_text_at_every_moment_one_character_at_a_time",
    ],
    "XS4 what does not end": [
        f"{INJECTION}::test_what_a_model_says_stays_in_its_message_at_every_state",
        f"{STRANGE}::test_no_attack_runs_loads_anything_or_leaves_its_message",
    ],
    "XS6 languages of code": [
        f"{CODE}::test_a_language_we_do_not_know_is_plain",
        f"{CODE}::test_html_and_svg_are_coloured_text",
        f"{CODE}::test_the_name_is_ours_or_a_harmless_form_of_the_models",
    ],
    "XS7 links that run": [
        f"{RENDERING}::test_a_link_to_anywhere_but_web_and_mail_is_its_label",
        f"{RENDERING}::test_an_attack_is_text",
        f"{GATE}::test_only_web_and_mail_addresses_pass",
    ],
    "XS8 links to programs, and to ourselves": [
        f"{RENDERING}::test_a_link_to_anywhere_but_web_and_mail_is_its_label",
        f"{RENDERING}::test_markdown_becomes_html",
        f"{STRANGE}::test_images_html_and_links_of_a_model_load_nothing_and_run_nothing",
        f"{MATRIX}::test_looking_changes_nothing",
    ],
    "XS10 formulas that lead or load": [f"{FORMULAS}::test_a_hostile_or_broken_formula_is_its_source"],
    "XS11 broken formulas with markup": [
        f"{FORMULAS}::test_a_hostile_or_broken_formula_is_its_source",
        f"{FORMULAS}::test_text_in_a_formula_is_text",
    ],
    "XS12 formulas without end": [
        f"{FORMULAS}::test_a_hostile_or_broken_formula_is_its_source",
        f"{FORMULAS}::test_a_large_formula_takes_a_moment",
        f"{BOMBS}::test_so_much_code_of_a_text_is_coloured_and_so_many_formulas_are_converted",
    ],
    "XS14 diagrams": [
        f"{CODE}::test_a_language_we_do_not_know_is_plain",
        f"{RENDERING}::test_an_attack_is_text",
    ],
    "XS15 htmx": [
        f"{RENDERING}::test_nothing_of_htmx_survives_in_any_attribute",
        f"{GATE}::test_only_what_is_allowed_passes",
        f"{FUZZ}::test_the_last_state_that_was_streamed_is_what_a_reload_shows",  # also that bodies carry hx-ignore
        f"{EXFILTRATION}::test_every_page_says_that_nothing_is_loaded_from_elsewhere_or_told_to_others",
        f"{TRUST}::test_our_script_makes_no_elements_of_text_and_hears_nobody_elses_messages",
    ],
    "XS17 what looks like ours": [
        f"{INJECTION}::test_words_in_any_row_are_only_words_on_every_page_of_the_chat",
        f"{GATE}::test_only_what_is_allowed_passes",
        "conversations/test_showing.py::test_what_a_person_typed_is_shown_as_it_was_typed",
    ],
    "XS18 characters that hide or reorder": [
        f"{RENDERING}::test_characters_that_hide_or_reorder_text_are_taken_out",
        f"{TITLES}::test_a_models_title_does_not_reverse_what_stands_behind_it",
        f"{IMAGES}::test_a_name_makes_no_header_no_markup_and_no_path",
    ],
    "XS19 SVG": [
        f"{IMAGES}::test_a_file_that_is_no_image_is_refused_in_words_and_the_question_kept",
        f"{IMAGES}::test_an_image_is_served_as_what_it_is_and_can_do_nothing",
    ],
    "XS20 files that are something else": [
        f"{IMAGES}::test_a_file_that_is_no_image_is_refused_in_words_and_the_question_kept",
        f"{IMAGES}::test_of_a_file_that_is_two_things_at_once_only_the_pixels_are_kept",
    ],
    "XS22 what is said back": [
        f"{INJECTION}::test_what_is_said_back_is_only_said",
        f"{INJECTION}::test_no_header_and_no_page_of_the_server_leads_where_a_request_says",
        f"{HEADERS}::test_a_host_that_is_not_ours_is_refused_and_said_nowhere",
    ],
    "XS23 messages of other windows": [
        f"{STRANGE}::test_messages_of_other_windows_are_not_heard",
        f"{TRUST}::test_our_script_makes_no_elements_of_text_and_hears_nobody_elses_messages",
    ],
    "XS25 any splices in any cuts": [
        f"{FUZZ}::test_every_state_of_any_text_in_any_cut_is_safe_and_stays_in_its_message",
        f"{FUZZ}::test_the_last_state_that_was_streamed_is_what_a_reload_shows",
        f"{STRANGE}::test_a_browser_reads_what_we_write_as_our_checks_read_it",
    ],
    "XS26 titles": [
        f"{TITLES}::test_a_title_is_text_wherever_it_stands",
        f"{INJECTION}::test_words_in_any_row_are_only_words_on_every_page_of_the_chat",
        f"{TRUST}::test_only_mails_are_not_escaped_and_they_are_plain_text",
    ],
    "XS27 the administrators' desk": [
        f"{INJECTION}::test_words_in_any_row_are_only_words_on_the_administrators_desk",
        f"{TRUST}::test_a_text_is_called_html_in_two_modules_only",
        f"{TRUST}::test_no_template",
    ],
    "EX1 images from elsewhere": [
        f"{EXFILTRATION}::test_nothing_is_loaded_at_any_state_of_an_answer_also_from_ourselves",
        f"{EXFILTRATION}::test_an_image_from_elsewhere_names_its_host",
        f"{STRANGE}::test_images_html_and_links_of_a_model_load_nothing_and_run_nothing",
    ],
    "EX2 images from ourselves": [
        f"{IMAGES}::test_a_model_that_names_an_image_of_ours_makes_nobody_load_it",
        f"{EXFILTRATION}::test_nothing_is_loaded_at_any_state_of_an_answer_also_from_ourselves",
        f"{MATRIX}::test_looking_changes_nothing",
    ],
    "EX3 an image for every letter": [
        f"{EXFILTRATION}::test_nothing_is_loaded_at_any_state_of_an_answer_also_from_ourselves"
    ],
    "EX4 whatever else loads": [
        f"{EXFILTRATION}::test_nothing_is_loaded_at_any_state_of_an_answer_also_from_ourselves",
        f"{EXFILTRATION}::test_every_page_says_that_nothing_is_loaded_from_elsewhere_or_told_to_others",
        f"{EXFILTRATION}::test_what_is_refused_says_so_too",
        f"{EXFILTRATION}::test_the_server_says_it_with_files_as_well",
    ],
    "EX12 a page of a link": [
        f"{SHARES}::test_what_a_model_says_loads_nothing_on_the_page_of_a_link",
        f"{SHARED}::test_every_answer_says_that_it_is_for_nobody_else",
    ],
    "WS1 another origin": [
        "attacks/test_production.py::test_a_page_of_another_origin_opens_no_socket",
        f"{SOCKET}::test_another_sites_page_is_refused_before_it_is_accepted",
        f"{SOCKET}::test_two_origins_are_none",
        f"{LINK_SOCKETS}::test_another_sites_page_follows_no_link",
    ],
    "WS2 no session, an expired one, a disabled member": [
        f"{SOCKET}::test_a_visitor_who_is_not_signed_in_is_accepted_and_then_told",
        f"{SOCKET}::test_a_session_that_is_none_any_more_is_told_the_same",
        f"{LINK_SOCKETS}::test_a_session_that_is_none_any_more_follows_no_link_for_members",
        f"{LINK_SOCKETS}::test_who_may_not_look_may_not_follow",
    ],
    "WS3 a right that ends while the socket is open": [
        f"{SOCKET}::test_a_socket_whose_right_has_ended_is_closed_within_two_seconds",
        f"{SOCKET}::test_a_conversation_deleted_while_it_is_open_is_not_there_any_more",
        f"{RIGHTS}::test_an_open_socket_is_closed_within_two_seconds_and_the_others_read_on",
        f"{RIGHTS}::test_leaving_ends_ones_own_sockets",
        f"{RIGHTS}::test_leaving_a_group_ends_its_sockets",
        f"{RIGHTS}::test_by_the_bus_alone_nothing_that_is_said_afterwards_reaches_who_was_removed",
        f"{RIGHTS}::test_by_the_poll_alone_within_two_seconds",
        f"{RIGHTS}::test_who_joins_as_their_right_ends_does_not_stay",
        f"{SOCKETS}::test_a_socket_that_kept_silent_does_not_outlive_its_session",
        f"{LINK_SOCKETS}::test_a_page_that_is_open_is_cut_within_two_seconds",
        f"{LINK_SOCKETS}::test_a_member_who_signs_out_follows_no_more",
        f"{PERMISSIONS}::test_sockets_let_in_who_may_read_and_let_go_whose_right_ends",
    ],
    "WS6 a socket's name in a request": [f"{SOCKETS}::test_no_request_takes_the_name_of_a_socket"],
    "WS8 floods": [
        f"{SOCKETS}::test_a_socket_that_floods_us_is_closed_and_the_others_read_on",
        f"{SOCKETS}::test_of_too_many_sockets_of_one_member_the_oldest_are_closed",
        f"{SOCKETS}::test_who_opens_sockets_without_end_is_told_to_stop_and_nobody_else_is",
        f"{SOCKET}::test_acknowledging_what_was_never_given_gains_nothing",
        f"{SOCKETS}::test_who_knocks_at_links_without_end_is_told_to_stop_and_nobody_else_is",
        f"{LINK_SOCKETS}::test_so_many_follow_a_link_and_no_more_and_other_links_are_free",
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
        f"{PERMISSIONS}::test_everybody_may_do_what_the_table_says_and_a_refusal_tells_and_changes_nothing",
    ],
    "ID3 another's message below one's own conversation": [
        f"{STRANGERS}::test_anothers_message_is_not_found_under_ones_own_conversation"
    ],
    "ID4 another's image in one's own question": [
        f"{IMAGES}::test_another_members_image_can_not_be_kept_in_ones_own_question"
    ],
    "ID6 another's stream": [
        f"{MATRIX}::test_everybody_gets_the_socket_that_is_theirs",
        f"{PERMISSIONS}::test_sockets_let_in_who_may_read_and_let_go_whose_right_ends",
        f"{LINK_SOCKETS}::test_who_may_not_look_may_not_follow",
    ],
    "ID7 a reader's deeds": [
        f"{PERMISSIONS}::test_everybody_may_do_what_the_table_says_and_a_refusal_tells_and_changes_nothing",
        f"{PERMISSIONS}::test_a_deed_asks_for_the_right_once_more_under_the_lock",
        f"{PERMISSIONS}::test_another_conversations_membership_is_not_found_under_ones_own",
        "conversations/test_making_links.py::test_only_its_owner_shares_a_conversation",
        f"{SHARES}::test_a_reader_of_a_link_does_nothing_to_the_conversation",
    ],
    "ID8 copies": [
        f"{SHARING}::test_a_copy_holds_what_the_link_shows_and_nothing_else",
        f"{SHARED}::test_a_member_continues_in_their_own_account_and_a_visitor_signs_in_first",
        f"{SHARE_BYTES}::test_a_copy_names_nobody_by_their_address",
    ],
    "ID11 ids": ["attacks/test_access.py::test_ids_in_addresses_can_not_be_guessed"],
    "ID12 an image after the right to it": [
        f"{IMAGES}::test_an_image_of_a_deleted_conversation_is_gone_at_once",
        f"{RIGHTS}::test_a_removed_member_is_shown_no_image_any_more",
        f"{SHARED}::test_the_images_of_a_link_are_those_it_shows_and_no_others",
        f"{PERMISSIONS}::test_everybody_may_do_what_the_table_says_and_a_refusal_tells_and_changes_nothing",
    ],
    "ID13 lists and counts": [
        f"{STRANGERS}::test_the_list_holds_nobody_elses_conversations",
        "conversations/test_spaces.py::test_others_find_nothing",
        "conversations/test_seeing.py::test_a_removed_member_has_no_marks_of_what_is_said_without_them",
    ],
    "ID15 every route, everybody": [
        f"{MATRIX}::test_every_route_has_a_line_and_every_line_a_route",
        f"{MATRIX}::test_a_route_that_somebody_adds_has_no_line",
        f"{MATRIX}::test_everybody_gets_the_answer_that_is_theirs",
        f"{MATRIX}::test_every_socket_has_a_line",
        f"{MATRIX}::test_every_path_that_is_answered_before_django_has_a_line",
        f"{PERMISSIONS}::test_every_door_has_an_act",
    ],
    "SH1 guessed addresses": [
        f"{SHARING}::test_an_address_opens_its_share_and_no_other_opens_any",
        f"{SHARED}::test_who_misses_too_often_has_to_wait_and_nobody_else_does",
        f"{SHARING}::test_forty_guesses_at_once_are_five_at_most",
        f"{SOCKETS}::test_who_knocks_at_links_without_end_is_told_to_stop_and_nobody_else_is",
    ],
    "SH2 what its answers say": [f"{SHARED}::test_every_answer_says_that_it_is_for_nobody_else"],
    "SH4 what is said later": [
        f"{SHARED}::test_a_snapshot_ends_where_it_was_made",
        f"{SHARING}::test_a_snapshot_does_not_grow_with_its_last_answer",
        f"{SHARE_BYTES}::test_no_field_outside_the_chosen_ones_appears_in_the_bytes_of_a_link",
    ],
    "SH5 what was not chosen": [
        f"{SHARE_BYTES}::test_no_field_outside_the_chosen_ones_appears_in_the_bytes_of_a_link",
        f"{SHARED}::test_why_an_answer_broke_off_is_its_members",
        f"{SHARED}::test_an_answer_of_a_writer_without_a_name_is_nobodys_address",
        "conversations/test_attachments.py::test_where_and_with_what_it_was_taken_is_gone",
    ],
    "SH6 what a link stands on": [
        f"{SHARING}::test_a_link_dies_with_what_it_stands_on",
        f"{PERMISSIONS}::test_everybody_may_do_what_the_table_says_and_a_refusal_tells_and_changes_nothing",
        f"{LINK_SOCKETS}::test_a_page_that_is_open_is_cut_within_two_seconds",
    ],
    "SH7 the address elsewhere": [
        f"{SHARES}::test_the_log_holds_no_whole_address",
        f"{SHARING}::test_no_column_of_the_database_holds_an_address_or_what_it_is_made_of",
        f"{SHARED}::test_previews_of_the_address_say_what_the_maker_chose_and_otherwise_nothing",
    ],
    "SH8 frames and forms": [
        f"{SHARED}::test_every_answer_says_that_it_is_for_nobody_else",
        f"{SHARES}::test_the_page_of_a_link_has_no_form",
        f"{SHARES}::test_a_reader_of_a_link_does_nothing_to_the_conversation",
    ],
    "SH9 an end by itself": [
        "conversations/test_making_links.py::test_what_a_new_link_is_by_itself",
        "conversations/test_making_links.py::test_the_list_says_how_each_link_is_used",
        "conversations/test_making_links.py::test_administrators_see_every_link_and_read_none",
    ],
    "SH10 the time it takes": [
        f"{SHARED}::test_what_opens_nothing_is_told_apart_by_nobody_and_costs_the_same",
        f"{SHARES}::test_a_right_and_a_wrong_address_take_the_same_time",
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
    "EP4 entries in the log": [
        "chatsite/test_logs.py::test_a_title_forges_no_entry",
        "chatsite/test_logs.py::test_an_exception_forges_no_entry_either_and_is_one_field_of_json",
    ],
    "QU1 two hundred at once against a budget for ten": [
        f"{LIMITS}::test_two_hundred_questions_at_once_against_a_budget_for_ten",
        f"{HOLDING}::test_two_hundred_at_once_get_what_there_is_for_ten_and_never_more",
        "faults/rows/workers.py::workers_are_killed_while_a_budget_runs_out",
    ],
    "QU2 a stop at any instant": [
        f"{OVERSPENDING}::test_wherever_a_stop_falls_it_is_charged_once_and_its_hold_is_freed",
        f"{OVERSPENDING}::test_a_stop_after_the_last_word_and_before_its_count",
        f"{LIMITS}::test_however_it_ends_its_hold_is_freed_and_its_cost_counted",
        f"{CHARGING}::test_what_was_said_before_a_cut_or_a_stop_is_estimated",
    ],
    "QU4 line separators within an event": [
        "providers/test_known_bugs.py::test_unusual_line_separators_do_not_split_a_line",
        "providers/test_sse.py::test_any_set_of_cuts_changes_nothing",
        f"{OVERSPENDING}::test_a_count_behind_odd_line_separators_is_read",
    ],
    "QU5 more than was asked for": [
        f"{OVERSPENDING}::test_what_no_form_of_ours_has_is_not_asked_for",
        f"{OVERSPENDING}::test_a_longest_answer_that_is_none_is_refused_and_nothing_is_held",
        "conversations/test_forms.py::test_a_length_beyond_the_models_own_is_refused",
        f"{LIMITS}::test_the_provider_is_asked_for_no_more_than_is_held",
    ],
    "QU6 what is not seen": [
        f"{OVERSPENDING}::test_images_and_long_instructions_are_held_for",
        f"{OVERSPENDING}::test_hidden_thoughts_are_charged",
        "usage/test_ledger.py::test_thinking_is_part_of_the_output",
        f"{CHARGING}::test_a_count_that_is_missing_or_mad_is_estimated",
    ],
    "QU7 each request has its row": [
        "conversations/test_random_spending.py"
        "::test_every_request_of_many_conversations_is_charged_once_and_as_the_provider_counted_it",
        "conversations/test_failing.py::test_every_request_stands_in_the_account_before_it_is_sent",
        f"{CHARGING}::test_what_the_provider_counted_is_charged_to_the_last_digit",
        "faults/promises.py::every_request_is_written_down",
    ],
    "QU8 one key, many times": [
        f"{OVERSPENDING}::test_twenty_posts_of_one_form_hold_once",
        f"{ASKING}::test_twenty_clicks_at_once_ask_once",
        f"{ASKING}::test_a_form_that_asked_once_does_not_ask_something_else",
        f"{ASKING}::test_another_members_key_is_refused_whatever_it_says",
        "conversations/test_posting.py::test_other_words_under_a_used_key_are_refused_with_a_new_key",
    ],
    "QU9 storms": [
        f"{OVERSPENDING}::test_a_storm_of_refusals_is_bounded_and_free",
        f"{CHARGING}::test_a_refusal_costs_nothing_and_the_retry_what_it_costs",
    ],
    "QU11 what is deleted while it runs": [
        f"{OVERSPENDING}::test_deleting_a_conversation_while_it_is_answered_costs_what_was_said",
        f"{CHARGING}::test_deleting_all_of_it_changes_no_sum",
        f"{LIMITS}::test_holds_of_members_who_are_gone_are_freed",
        "usage/test_ledger.py::test_it_says_who_and_what_for_when_all_of_them_are_gone",
    ],
    "QU12 the sum of the ledger": [
        f"{CHECKING}::test_a_balance_that_is_not_the_sum_of_the_ledger_is_found",
        f"{CHECKING}::test_a_promise_without_its_hold_is_found",
        f"{CHECKING}::test_a_call_without_its_charge_is_found",
    ],
    "QU13 a worker that dies at any step": [
        "faults/rows/workers.py::a_worker_dies_at_its_worst_moments",
        "faults/promises.py::what_was_promised_is_settled",
        f"{LIMITS}::test_what_a_dead_worker_left_is_charged_and_freed_by_whoever_ends_it",
        f"{HOLDING}::test_freed_and_charged_by_many_at_once_it_happens_once",
    ],
    "RD2 the whole answer with every word": [
        f"{MARKDOWN}/test_cost.py::test_an_answer_of_one_shape_costs_as_much_at_its_end_as_at_its_start",
        f"{BOMBS}::test_a_growing_bomb_stays_cheap",
        "attacks/test_streams.py::test_what_is_new_costs_the_same_however_much_was_said",
        "conversations/test_feed_cost.py::test_the_frames_of_an_answer_grow_with_its_text_not_with_its_square",
    ],
    "RD3 code without end": [
        f"{CODE}::test_every_lexer_exists_keeps_the_text_and_is_quick_with_what_does_not_end",
        f"{CODE}::test_a_language_we_do_not_know_is_plain",
        f"{CODE}::test_a_large_block_and_a_long_line_are_plain",
        f"{BOMBS}::test_after_a_block_that_takes_too_long_the_rest_of_the_text_is_plain",
    ],
    "RD4 searching": [f"{DESK}::test_what_is_searched_for_is_text_and_no_pattern"],
    "RD6 patterns from outside": ["attacks/test_choke_points.py::test_no_pattern_comes_from_outside"],
    "RD5 what looks like addresses": [
        f"{BOMBS}::test_many_or_endless_addresses_are_text_and_some_are_links",
        f"{BOMBS}::test_a_bomb_costs_and_fills_no_more_than_a_multiple_of_plain_words",
        f"{BOMBS}::test_no_text_ends_the_process",
    ],
    "RD7 the event loop meanwhile": [
        "attacks/test_event_loop.py::test_answers_are_rendered_for_sockets_in_the_feeds_threads",
        "attacks/test_event_loop.py::test_answers_are_rendered_for_pages_in_the_pages_threads",
    ],
    "LK1 a key in a refusal": ["providers/test_secrets.py::test_an_exchange_that_fails_tells_nothing"],
    "LK2 an error with a key in hand": [
        f"{LEAKS}::test_a_page_that_breaks_with_a_key_in_hand_shows_none_and_logs_none",
        "catalog/test_keys.py::test_no_traceback_of_a_key_that_does_not_open_holds_it",
    ],
    "LK4 a copy of the database": [
        f"{LEAKS}::test_a_copy_of_the_database_opens_nothing",
        f"{LEAKS}::test_what_the_database_calls_a_session_is_no_cookie",
        f"{SHARING}::test_without_the_secret_key_a_copy_of_the_rows_opens_nothing",
    ],
    "LK5 pages for machines": [
        f"{LEAKS}::test_what_machines_ask_gives_nothing_away",
        f"{MATRIX}::test_operators_paths_say_the_same_to_everybody",
    ],
    "LK6 what we tell the model": [
        f"{LEAKS}::test_what_we_tell_the_model_stands_on_no_page",
        f"{SHARE_BYTES}::test_no_field_outside_the_chosen_ones_appears_in_the_bytes_of_a_link",
    ],
    "LK7 guessed paths": [f"{LEAKS}::test_a_guessed_path_leads_to_nothing"],
}


def test_every_attack_has_tests_or_a_reason_and_never_both() -> None:
    found = [row.split()[0] for row in ROWS] + [row for rows in NOT_THERE_YET.values() for row in rows]
    assert sorted(found) == sorted(f"{section}{number}" for section, numbers in SECTIONS.items() for number in numbers)


def test_what_is_said_not_to_be_there_has_no_address() -> None:
    assert not [route for route in all_routes() for word in NOT_THERE_YET if word in route]


def test_no_model_is_offered_a_tool() -> None:
    """The providers know how; nobody gives them any."""
    modules = list((TESTS.parent / "conversations").rglob("*.py"))
    assert modules
    assert not [it for it in modules if "tools=" in it.read_text()]


@pytest.mark.parametrize("row", ROWS)
def test_every_attack_has_its_tests(row: str) -> None:
    assert ROWS[row]
    for name in ROWS[row]:
        file, _, test = name.partition("::")
        tree = ast.parse((TESTS / file).read_text())
        assert test in {it.name for it in tree.body if isinstance(it, ast.FunctionDef | ast.AsyncFunctionDef)}, name
