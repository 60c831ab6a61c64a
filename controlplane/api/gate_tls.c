/* SPDX-License-Identifier: GPL-3.0-or-later */
/* gate_tls: OpenSSL's side of the gate. TLS 1.2 and 1.3, no renegotiation, no sessions to resume: a
 * client's certificate is looked at each time, and a key that was replaced is gone. */
#include "config/log.h"
#include "controlplane/api/gate_private.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const unsigned char alpn[] = "\x08http/1.1";

static void __attribute__((format(printf, 2, 3)))
fail(char error[GATE_ERROR_OCTETS], const char *format, ...)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(code);
	va_list args;
	size_t at;

	if (ERR_SYSTEM_ERROR(code))
		reason = strerror(ERR_GET_REASON(code));
	va_start(args, format);
	vsnprintf(error, GATE_ERROR_OCTETS, format, args);
	va_end(args);
	at = strlen(error);
	if (reason != NULL)
		snprintf(error + at, GATE_ERROR_OCTETS - at, ": %s", reason);
	ERR_clear_error();
}

static int
select_alpn(SSL *ssl, const unsigned char **out, unsigned char *len, const unsigned char *offered,
	unsigned n_offered, void *arg)
{
	if (SSL_select_next_proto((unsigned char **)(uintptr_t)out, len, alpn, sizeof alpn - 1,
		    offered, n_offered) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK; /* it finds out, with HTTP/1.1 as everybody speaks it
					      */
	return SSL_TLSEXT_ERR_OK;
}

/* There is nobody to ask. */
static int
no_passphrase(char *buffer, int room, int writing, void *arg)
{
	return -1;
}

static int
use_files(SSL_CTX *ctx, const struct config *c, char error[GATE_ERROR_OCTETS])
{
	STACK_OF(X509_NAME) * names;

	if (SSL_CTX_use_certificate_chain_file(ctx, c->api.tls_certificate) != 1)
		return fail(error, "api.tls-certificate: %s holds no certificate that can be used",
			       c->api.tls_certificate),
		       -1;
	if (SSL_CTX_use_PrivateKey_file(ctx, c->api.tls_key, SSL_FILETYPE_PEM) != 1)
		return fail(error,
			       "api.tls-key: %s holds no private key without a passphrase that "
			       "fits the certificate %s",
			       c->api.tls_key, c->api.tls_certificate),
		       -1;
	if (SSL_CTX_check_private_key(ctx) != 1)
		return fail(error, "api.tls-key: %s is not the key of the certificate %s",
			       c->api.tls_key, c->api.tls_certificate),
		       -1;
	if (c->api.tls_client_ca == NULL)
		return 0;
	names = SSL_load_client_CA_file(c->api.tls_client_ca);
	if (names == NULL || SSL_CTX_load_verify_file(ctx, c->api.tls_client_ca) != 1) {
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		fail(error, "api.tls-client-ca: %s holds no CA certificates that can be used",
			c->api.tls_client_ca);
		return -1;
	}
	SSL_CTX_set_client_CA_list(ctx, names);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return 0;
}

SSL_CTX *
gate_tls_create(const struct config *c, char error[GATE_ERROR_OCTETS])
{
	SSL_CTX *ctx;

	error[0] = '\0';
	if (c->api.tls_certificate == NULL)
		return NULL;
	ERR_clear_error();
	ctx = SSL_CTX_new(TLS_server_method());
	if (ctx == NULL) {
		fail(error, "TLS cannot be used");
		return NULL;
	}
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
					 SSL_OP_IGNORE_UNEXPECTED_EOF |
					 SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
	SSL_CTX_set_alpn_select_cb(ctx, select_alpn, NULL);
	if (use_files(ctx, c, error) == 0)
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

int
gate_check(const struct config *c, char error[GATE_ERROR_OCTETS])
{
	SSL_CTX *ctx = gate_tls_create(c, error);

	SSL_CTX_free(ctx);
	/* what OpenSSL keeps of this thread, which is one of libuv's and ends too late for it */
	OPENSSL_thread_stop();
	return error[0] == '\0' ? 0 : -EINVAL;
}

/* The verified certificate's subject. @return 0, or -1: it has none that fits */
static int
note_subject(struct gate_connection *c)
{
	X509 *cert = SSL_get0_peer_certificate(c->ssl);
	BIO *bio;
	int len;

	if (cert == NULL)
		return 0; /* then none was asked for */
	bio = BIO_new(BIO_s_mem());
	if (bio == NULL)
		return -1;
	X509_NAME_print_ex(bio, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253);
	len = BIO_pending(bio) < (int)GATE_SUBJECT_OCTETS
		      ? BIO_read(bio, c->client->subject, GATE_SUBJECT_OCTETS - 1)
		      : 0;
	BIO_free(bio);
	if (len <= 0)
		return -1;
	c->client->subject[len] = '\0';
	return 0;
}

int
gate_tls_handshake(struct gate_connection *c)
{
	int ret, why;

	ERR_clear_error();
	ret = SSL_accept(c->ssl);
	if (ret == 1)
		return note_subject(c) == 0 ? 1 : -1;
	why = SSL_get_error(c->ssl, ret);
	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
		return 0;
	log_debug("api: TLS: %s", why == SSL_ERROR_SSL ? ERR_reason_error_string(ERR_peek_error())
						       : "closed by the client");
	ERR_clear_error();
	return -1;
}
