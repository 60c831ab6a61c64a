/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_routes_keys: what is kept beside zones: metadata, keys, autoprimaries, networks and views. */
#include "controlplane/api/request.h"

#define ZONE API_BASE "/zones/{zone_id}"

/* a route is its request line, what it does, and its types */
/* clang-format off */
static const struct route metadata[] = {
	{"GET", ZONE "/metadata", api_metadata_list, "",
		"All metadata of a zone.",
		"listMetadata", "", "200 [Metadata], 404, 422"},
	{"POST", ZONE "/metadata", api_metadata_add, "",
		"Add values to a kind of metadata; those that there are stay.",
		"createMetadata", "Metadata", "201 Metadata, 400, 404, 422"},
	{"GET", ZONE "/metadata/{metadata_kind}", api_metadata_get, "",
		"One kind of metadata; without values when there are none.",
		"getMetadata", "", "200 Metadata, 404, 422"},
	{"PUT", ZONE "/metadata/{metadata_kind}", api_metadata_set, "",
		"Replace the values of a kind of metadata.",
		"modifyMetadata", "Metadata", "200 Metadata, 400, 404, 422"},
	{"DELETE", ZONE "/metadata/{metadata_kind}", api_metadata_remove, "",
		"Remove all values of a kind of metadata.",
		"deleteMetadata", "", "204, 404, 422"},
};

static const struct route cryptokeys[] = {
	{"GET", ZONE "/cryptokeys", api_cryptokeys_list, "",
		"DNSSEC keys of a zone, as an import has put them there. Without their private halves.",
		"listCryptokeys", "", "200 [Cryptokey], 404, 422"},
	{"POST", ZONE "/cryptokeys", api_cryptokey_add, "",
		"Make a key. Not in this version: 501.",
		"createCryptokey", "Cryptokey", "501, 404, 422"},
	{"GET", ZONE "/cryptokeys/{cryptokey_id}", api_cryptokey_get, "",
		"A key with its private half.",
		"getCryptokey", "", "200 Cryptokey, 404, 422"},
	{"PUT", ZONE "/cryptokeys/{cryptokey_id}", api_cryptokey_change, "",
		"Activate a key, or not. Not in this version: 501.",
		"modifyCryptokey", "Cryptokey", "501, 404, 422"},
	{"DELETE", ZONE "/cryptokeys/{cryptokey_id}", api_cryptokey_change, "",
		"Remove a key. Not in this version: 501.",
		"deleteCryptokey", "", "501, 404, 422"},
};

static const struct route tsigkeys[] = {
	{"GET", API_BASE "/tsigkeys", api_tsigkeys_list, "",
		"All TSIG keys, without their secrets.",
		"listTSIGKeys", "", "200 [TSIGKey]"},
	{"POST", API_BASE "/tsigkeys", api_tsigkey_add, "",
		"Add a key. Without a secret in `key` one is made.",
		"createTSIGKey", "TSIGKey", "201 TSIGKey, 400, 409, 422"},
	{"GET", API_BASE "/tsigkeys/{tsigkey_id}", api_tsigkey_get, "",
		"A key with its secret.",
		"getTSIGKey", "", "200 TSIGKey, 404, 422"},
	{"PUT", API_BASE "/tsigkeys/{tsigkey_id}", api_tsigkey_change, "",
		"Change name, algorithm or secret of a key: what is not there stays.",
		"putTSIGKey", "TSIGKey", "200 TSIGKey, 400, 404, 409, 422"},
	{"DELETE", API_BASE "/tsigkeys/{tsigkey_id}", api_tsigkey_remove, "",
		"Remove a key.",
		"deleteTSIGKey", "", "204, 404, 422"},
};

static const struct route autoprimaries[] = {
	{"GET", API_BASE "/autoprimaries", api_autoprimaries_list, "",
		"Servers that may make this one a secondary. They are kept; nothing acts on them in this version.",
		"getAutoprimaries", "", "200 [Autoprimary]"},
	{"POST", API_BASE "/autoprimaries", api_autoprimary_add, "",
		"Add one.",
		"createAutoprimary", "Autoprimary", "201, 400, 409, 422"},
	{"DELETE", API_BASE "/autoprimaries/{ip}/{nameserver}", api_autoprimary_remove, "",
		"Remove one. That there is none is no error.",
		"deleteAutoprimary", "", "204, 422"},
};

static const struct route networks[] = {
	{"GET", API_BASE "/networks", api_networks_list, "",
		"Networks that see a view, in the order of their addresses. Of those around a client's address the longest prefix counts.",
		"listNetworks", "", "200 Networks"},
	{"GET", API_BASE "/networks/{ip}/{prefixlen}", api_network_get, "",
		"The view of exactly this network.",
		"getNetwork", "", "200 Networks, 404, 422"},
	{"PUT", API_BASE "/networks/{ip}/{prefixlen}", api_network_set, "",
		"Have a network see a view, which need not be there yet; \"\" takes its view away. Holds for the next query.",
		"setNetwork", "NetworkView", "204, 400, 422"},
};

static const struct route views[] = {
	{"GET", API_BASE "/views", api_views_list, "",
		"Names of views: those that have a zone.",
		"listViews", "", "200 Views"},
	{"GET", API_BASE "/views/{view}", api_view_get, "",
		"Zones of a view, each as its variant is named.",
		"listView", "", "200 View, 404"},
	{"POST", API_BASE "/views/{view}", api_view_add, "",
		"Have a view show a variant of a zone, which need not be there yet, instead of the zone itself or of another variant. Makes the view, if it is the first. Holds for the next query.",
		"addToView", "ViewZone", "204, 400, 422"},
	{"DELETE", API_BASE "/views/{view}/{id}", api_view_remove, "",
		"Take a zone out of a view, whichever variant of it is there: its clients see what everybody sees. That it is not there is no error.",
		"deleteFromView", "", "204, 422"},
};
/* clang-format on */

#define ROUTES(table) table, sizeof table / sizeof table[0]

const struct route_group api_routes_metadata = {
	"zonemetadata", "Domain metadata of zones of the store.", ROUTES(metadata)};
const struct route_group api_routes_cryptokeys = {
	"zonecryptokey", "DNSSEC keys of zones of the store.", ROUTES(cryptokeys)};
const struct route_group api_routes_tsigkeys = {
	"tsigkey", "Keys of transactions.", ROUTES(tsigkeys)};
const struct route_group api_routes_autoprimaries = {
	"autoprimary", "Whose zones are taken over unasked.", ROUTES(autoprimaries)};
const struct route_group api_routes_networks = {
	"networks", "Who sees which view.", ROUTES(networks)};
const struct route_group api_routes_views = {"views", "Variants of zones.", ROUTES(views)};
