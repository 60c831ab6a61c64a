/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_routes_access: tokens, and who did what. */
#include "controlplane/api/request.h"

#define MILLRACE API_BASE "/millrace"

/* a route is its request line, what it does, and its types */
/* clang-format off */
static const struct route access_route_row[] = {
	{"GET", MILLRACE "/tokens", api_tokens_list, "",
		"All tokens, without their secrets.",
		"listTokens", "", "200 [Token], 503"},
	{"POST", MILLRACE "/tokens", api_token_create, "",
		"Make a token. Its secret is in the answer and nowhere else: only a hash of it is kept.",
		"createToken", "TokenLimits", "201 NewToken, 400, 409, 422, 503"},
	{"GET", MILLRACE "/tokens/{token_id}", api_token_get, "",
		"One token, without its secret.",
		"getToken", "", "200 Token, 404, 503"},
	{"PUT", MILLRACE "/tokens/{token_id}", api_token_change, "",
		"Replace what a token may do; its secret stays.",
		"changeToken", "TokenLimits", "200 Token, 400, 404, 409, 422, 503"},
	{"DELETE", MILLRACE "/tokens/{token_id}", api_token_delete, "",
		"Revoke a token, at once.",
		"deleteToken", "", "204, 404, 409, 503"},
	{"POST", MILLRACE "/tokens/{token_id}/rotate", api_token_rotate, "",
		"Give a token another secret. The one before stays good for `grace` seconds, 3600 unless told.",
		"rotateToken", "TokenRotation", "200 NewToken, 400, 404, 409, 422, 503"},
	{"GET", MILLRACE "/audit", api_audit, "zone who since until limit cursor",
		"Who did what, newest first: changes of records with what was before and after, of tokens, and every "
		"other request that changes something.",
		"getAudit", "", "200 AuditPage, 400, 503"},
};
/* clang-format on */

const struct route_group api_routes_access = {"access",
	"Who may use the API, and who did what with it. Only full access may use these.",
	access_route_row, sizeof access_route_row / sizeof access_route_row[0]};
