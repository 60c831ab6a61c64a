/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/noun_help: what is made from the tables. */
#include "tools/ctl/verbs.h"

#include <limits.h>

static const struct ctl_verb help_verbs[] = {
	{NULL, "[NOUN [VERB]]", 0, 2, CTL_OFFLINE, NULL, ctl_help,
		"The same as --help: of everything, of a noun, of a verb.",
		.example = "millracectl help zone reload\n"},
};
const struct ctl_noun ctl_noun_help = CTL_NOUN("help", "Help.", help_verbs);

static const struct ctl_verb completion_verbs[] = {
	{"bash", "", 0, 0, CTL_OFFLINE, NULL, ctl_completion_bash,
		"A script for bash; packages install it.",
		.example = ". <(millracectl completion bash)\n"},
	{"zsh", "", 0, 0, CTL_OFFLINE, NULL, ctl_completion_zsh,
		"A script for zsh; packages install it.",
		.example = "millracectl completion zsh >~/.zfunc/_millracectl\n"},
	{"candidates", "[WORD...]", 0, INT_MAX, CTL_OFFLINE | CTL_HIDDEN, NULL,
		ctl_completion_candidates, "What the last of these words may be."},
};
const struct ctl_noun ctl_noun_completion = CTL_NOUN("completion",
	"Completion of nouns, verbs, options, files and zones in shells.", completion_verbs);

static const struct ctl_verb man_page_verbs[] = {
	{NULL, "[NOUN]", 0, 1, CTL_OFFLINE | CTL_HIDDEN, NULL, ctl_man_page,
		"The man page, of everything or of a noun, for groff."},
};
const struct ctl_noun ctl_noun_man_page = CTL_NOUN("man-page", "Man pages.", man_page_verbs);

static const struct ctl_verb cli_reference_verbs[] = {
	{NULL, "", 0, 0, CTL_OFFLINE | CTL_HIDDEN, NULL, ctl_cli_reference,
		"The reference of all verbs, in Markdown."},
};
const struct ctl_noun ctl_noun_cli_reference =
	CTL_NOUN("cli-reference", "Reference.", cli_reference_verbs);
