/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pdns/util_crypt: pdnsutil hash-password, ipencrypt and ipdecrypt: nothing of them needs a server.
 */
#include "tools/pdns/pdns.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <termios.h>
#include <unistd.h>

#define SALT_OCTETS 16
#define HASH_OCTETS 32
#define WORK_MIN 2ul
#define WORK_MAX (1ul << 20)
#define WORK_DEFAULT 1024ul
#define SCRYPT_OCTETS_MAX (2ull << 30)
#define PASSWORD_OCTETS_MAX 1024
#define KEY_OCTETS 16
/* https://doc.powerdns.com/ipcipher: how a passphrase becomes a key */
#define KEY_SALT "ipcipheripcipher"
#define KEY_ROUNDS 50000

/* Without an echo where there is a terminal. */
static bool
read_password(char *out, size_t room)
{
	struct termios was, quiet;
	bool terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &was) == 0, good;

	if (terminal) {
		fprintf(stderr, "Password: ");
		quiet = was;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	}
	good = fgets(out, (int)room, stdin) != NULL;
	if (terminal) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
		fputc('\n', stderr);
	}
	if (good)
		out[strcspn(out, "\r\n")] = '\0';
	return good && out[0] != '\0';
}

int
util_hash_password(const struct ctl *c)
{
	unsigned long work = c->argc > 0 ? strtoul(c->argv[0], NULL, 10) : WORK_DEFAULT;
	unsigned char salt[SALT_OCTETS], hash[HASH_OCTETS], salt64[64], hash64[64];
	char password[PASSWORD_OCTETS_MAX];
	unsigned log2 = 0;

	while ((1ul << log2) < work && log2 < 20)
		log2++;
	if (work < WORK_MIN || work > WORK_MAX || (1ul << log2) != work) {
		ctl_complain("a work factor is a power of two, %lu to %lu", WORK_MIN, WORK_MAX);
		return CTL_FAILURE;
	}
	if (!read_password(password, sizeof password)) {
		ctl_complain("there is no password");
		return CTL_FAILURE;
	}
	if (RAND_bytes(salt, sizeof salt) != 1 ||
		EVP_PBE_scrypt(password, strlen(password), salt, sizeof salt, work, 8, 1,
			SCRYPT_OCTETS_MAX, hash, sizeof hash) != 1) {
		ctl_complain("the password cannot be hashed: not enough memory?");
		return CTL_FAILURE;
	}
	explicit_bzero(password, sizeof password);
	EVP_EncodeBlock(salt64, salt, sizeof salt);
	EVP_EncodeBlock(hash64, hash, sizeof hash);
	printf("$scrypt$ln=%u,p=1,r=8$%s$%s\n", log2, salt64, hash64);
	return CTL_OK;
}

/* --- ipcipher --- */

static uint8_t
rotate(uint8_t v, unsigned n)
{
	return (uint8_t)(v << n | v >> (8 - n));
}

/* ipcrypt, by Jean-Philippe Aumasson: 32 bits to 32 bits. */
static void
mix(uint8_t s[4])
{
	s[0] += s[1];
	s[2] += s[3];
	s[1] = rotate(s[1], 2) ^ s[0];
	s[3] = rotate(s[3], 5) ^ s[2];
	s[0] = rotate(s[0], 4) + s[3];
	s[2] += s[1];
	s[1] = rotate(s[1], 3) ^ s[2];
	s[3] = rotate(s[3], 7) ^ s[0];
	s[2] = rotate(s[2], 4);
}

static void
unmix(uint8_t s[4])
{
	s[2] = rotate(s[2], 4);
	s[1] = rotate(s[1] ^ s[2], 5);
	s[3] = rotate(s[3] ^ s[0], 1);
	s[2] -= s[1];
	s[0] = rotate(s[0] - s[3], 4);
	s[1] = rotate(s[1] ^ s[0], 6);
	s[3] = rotate(s[3] ^ s[2], 3);
	s[0] -= s[1];
	s[2] -= s[3];
}

static void
add_key(uint8_t s[4], const uint8_t *key)
{
	for (unsigned i = 0; i < 4; i++)
		s[i] ^= key[i];
}

static void
crypt_ipv4(uint8_t s[4], const uint8_t key[KEY_OCTETS], bool encrypt)
{
	add_key(s, encrypt ? key : key + 12);
	for (unsigned i = 1; i < 4; i++) {
		if (encrypt)
			mix(s);
		else
			unmix(s);
		add_key(s, key + 4 * (encrypt ? i : 3 - i));
	}
}

static bool
crypt_ipv6(uint8_t s[16], const uint8_t key[KEY_OCTETS], bool encrypt)
{
	EVP_CIPHER_CTX *e = EVP_CIPHER_CTX_new();
	uint8_t out[32];
	int len = 0;
	bool good = e != NULL &&
		    EVP_CipherInit_ex(e, EVP_aes_128_ecb(), NULL, key, NULL, encrypt) == 1 &&
		    EVP_CIPHER_CTX_set_padding(e, 0) == 1 &&
		    EVP_CipherUpdate(e, out, &len, s, 16) == 1 && len == 16;

	if (good)
		memcpy(s, out, 16);
	EVP_CIPHER_CTX_free(e);
	return good;
}

/* The second argument is a passphrase, or, with a third one "key", a key in base64. */
static bool
get_key(const struct ctl *c, uint8_t key[KEY_OCTETS])
{
	uint8_t decoded[64];
	size_t len = strlen(c->argv[1]);

	if (c->argc < 3)
		return PKCS5_PBKDF2_HMAC_SHA1(c->argv[1], (int)len, (const uint8_t *)KEY_SALT,
			       sizeof KEY_SALT - 1, KEY_ROUNDS, KEY_OCTETS, key) == 1;
	/* 16 octets are 24 characters, two of them "=" */
	if (strcmp(c->argv[2], "key") != 0 || len != 24 ||
		EVP_DecodeBlock(decoded, (const uint8_t *)c->argv[1], (int)len) != 18)
		return false;
	memcpy(key, decoded, KEY_OCTETS);
	return true;
}

static int
crypt_address(const struct ctl *c, bool encrypt)
{
	uint8_t key[KEY_OCTETS], address[16];
	char text[INET6_ADDRSTRLEN];
	bool four = inet_pton(AF_INET, c->argv[0], address) == 1;

	if (!four && inet_pton(AF_INET6, c->argv[0], address) != 1) {
		ctl_complain("'%s' is not an address", c->argv[0]);
		return CTL_FAILURE;
	}
	if (!get_key(c, key)) {
		ctl_complain("a key is 16 octets in base64, with the word key behind it");
		return CTL_FAILURE;
	}
	if (four)
		crypt_ipv4(address, key, encrypt);
	else if (!crypt_ipv6(address, key, encrypt))
		return CTL_FAILURE;
	printf("%s\n", inet_ntop(four ? AF_INET : AF_INET6, address, text, sizeof text));
	return CTL_OK;
}

int
util_ipencrypt(const struct ctl *c)
{
	return crypt_address(c, true);
}

int
util_ipdecrypt(const struct ctl *c)
{
	return crypt_address(c, false);
}
