/* OpenSSL 3.0 as Swift can see it: its headers, its macros as functions, and the wire (COpenSSL.c).
 * Imported by the module TLS alone. */
#ifndef COPENSSL_H
#define COPENSSL_H

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

/* MARK: the wire, a BIO over a socket */

enum {
    /* The last recv returned fewer bytes than there was room for, or none: the socket was empty then. */
    WIRE_DRAINED = 1,
    /* The last call on the session waits for bytes; what is inside is less than a record. */
    WIRE_STARVED = 2,
    /* The peer sent FIN. */
    WIRE_END = 4,
    /* A fatal error passed through this session: OpenSSL forbids a close_notify after it. */
    WIRE_FAILED = 8,
    /* Our close_notify is on its way. */
    WIRE_CLOSED = 16,
};

struct wire {
    int descriptor;
    /* errno of the last recv or send that failed for good, else 0. */
    int fault;
    unsigned flags;
    /* The first bytes of the client, to tell HTTP from noise. */
    unsigned char first[4];
    unsigned first_count;
    /* Whatever the session's owner keeps here. Not freed. */
    const void *owner;
};

/* A session that accepts over `descriptor`, which is neither blocked on nor closed; NULL when out of memory. */
SSL *wire_accept(SSL_CTX *contexts, int descriptor, const void *owner);
/* The same, but it connects, and asks for the host `name` unless that is NULL. */
SSL *wire_connect(SSL_CTX *context, int descriptor, const void *owner, const char *name);
struct wire *wire_of(const SSL *session);

/* MARK: macros as functions */

static inline long tls_ctx_set_mode(SSL_CTX *c, long mode) { return SSL_CTX_set_mode(c, mode); }
static inline void tls_ctx_set_read_ahead(SSL_CTX *c, int on) { SSL_CTX_set_read_ahead(c, on); }
static inline int tls_ctx_set_versions(SSL_CTX *c, int least, int most) {
    return SSL_CTX_set_min_proto_version(c, least) && SSL_CTX_set_max_proto_version(c, most);
}
static inline int tls_ctx_set_groups(SSL_CTX *c, const char *list) { return (int)SSL_CTX_set1_groups_list(c, list); }
static inline void tls_ctx_set_session_cache_off(SSL_CTX *c) {
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
}
static inline int tls_ctx_add_chain(SSL_CTX *c, X509 *certificate) {
    return (int)SSL_CTX_add1_chain_cert(c, certificate);
}
static inline void tls_ctx_set_name_callback(SSL_CTX *c, int (*callback)(SSL *, int *, void *)) {
    SSL_CTX_set_tlsext_servername_callback(c, callback);
}
static inline long tls_set_host_name(SSL *s, const char *name) { return SSL_set_tlsext_host_name(s, name); }
static inline BIO *tls_memory(const void *bytes, int count) { return BIO_new_mem_buf(bytes, count); }

/* Options are macros of 64-bit shifts, which Swift does not import. */
static const uint64_t tls_options = SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION;
static const long tls_modes =
    SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS;

static inline int tls_gcm_set_nonce_length(EVP_CIPHER_CTX *c, int count) {
    return EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_IVLEN, count, NULL);
}
static inline int tls_gcm_get_tag(EVP_CIPHER_CTX *c, void *tag) {
    return EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, 16, tag);
}
static inline int tls_gcm_set_tag(EVP_CIPHER_CTX *c, const void *tag) {
    return EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, 16, (void *)tag);
}

/* MARK: tickets */

/* Seconds since the machine started, sleep included. */
int64_t tls_seconds(void);
/* Readies both for one ticket: AES-256-CBC under `secret` (32 bytes) and HMAC-SHA-256 under `proof` (32 bytes). `sealing`
 * is 1 or 0. Returns 1, or 0 when out of memory. */
int tls_ready_ticket(EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, const unsigned char *secret, const unsigned char *proof,
                     const unsigned char *iv, int sealing);

/* MARK: certificates */

/* Reads the next certificate or the first private key of a PEM text; never asks for a passphrase. NULL: see the error
 * queue. */
X509 *tls_read_certificate(BIO *text);
EVP_PKEY *tls_read_key(BIO *text);

static inline int tls_print_name(BIO *into, const X509_NAME *name) {
    return X509_NAME_print_ex(into, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
}

/* The number of subject alternative names of any kind; for each, `tls_name_at` gives a dNSName's bytes or NULL. */
GENERAL_NAMES *tls_names(X509 *certificate);
int tls_name_count(const GENERAL_NAMES *names);
const unsigned char *tls_name_at(const GENERAL_NAMES *names, int index, int *count);
void tls_names_free(GENERAL_NAMES *names);
/* The first commonName of the subject, or NULL. */
const unsigned char *tls_common_name(X509 *certificate, int *count);

#endif
