#include "COpenSSL.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* The wire: a BIO that is leaner than OpenSSL's socket BIO where it matters here. It never blocks whatever the
 * descriptor's flags say, a peer that is gone is an error and not SIGPIPE, and it remembers whether the socket was
 * drained, which saves the recv that would only say EAGAIN. */

static BIO_METHOD *method;
static pthread_once_t method_once = PTHREAD_ONCE_INIT;

static int wire_read(BIO *bio, char *into, size_t room, size_t *got) {
    struct wire *wire = BIO_get_data(bio);
    ssize_t count;
    do {
        count = recv(wire->descriptor, into, room, MSG_DONTWAIT);
    } while (count < 0 && errno == EINTR);
    BIO_clear_retry_flags(bio);
    if (count > 0) {
        *got = (size_t)count;
        wire->flags &= ~(unsigned)WIRE_STARVED;
        if ((size_t)count < room) {
            wire->flags |= WIRE_DRAINED;
        } else {
            wire->flags &= ~(unsigned)WIRE_DRAINED;
        }
        for (size_t at = 0; at < (size_t)count && wire->first_count < sizeof wire->first; at++) {
            wire->first[wire->first_count++] = (unsigned char)into[at];
        }
        return 1;
    }
    *got = 0;
    if (count == 0) {
        wire->flags |= WIRE_END;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        wire->flags |= WIRE_DRAINED;
        BIO_set_retry_read(bio);
    } else {
        wire->fault = errno;
    }
    return 0;
}

static int wire_write(BIO *bio, const char *from, size_t count, size_t *put) {
    struct wire *wire = BIO_get_data(bio);
    ssize_t sent;
    do {
        sent = send(wire->descriptor, from, count, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    BIO_clear_retry_flags(bio);
    if (sent >= 0) {
        *put = (size_t)sent;
        return 1;
    }
    *put = 0;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
        BIO_set_retry_write(bio);
    } else {
        wire->fault = errno;
    }
    return 0;
}

static long wire_control(BIO *bio, int command, long number, void *pointer) {
    (void)number;
    (void)pointer;
    struct wire *wire = BIO_get_data(bio);
    switch (command) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_EOF:
        return (wire->flags & WIRE_END) != 0;
    default:
        return 0;
    }
}

static int wire_free(BIO *bio) {
    free(BIO_get_data(bio));
    BIO_set_data(bio, NULL);
    return 1;
}

static void make_method(void) {
    BIO_METHOD *made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire");
    if (made == NULL) return;
    if (BIO_meth_set_read_ex(made, wire_read) && BIO_meth_set_write_ex(made, wire_write)
        && BIO_meth_set_ctrl(made, wire_control) && BIO_meth_set_destroy(made, wire_free)) {
        method = made;
    } else {
        BIO_meth_free(made);
    }
}

static SSL *wire_make(SSL_CTX *contexts, int descriptor, const void *owner) {
    pthread_once(&method_once, make_method);
    if (method == NULL) return NULL;
    struct wire *wire = calloc(1, sizeof *wire);
    if (wire == NULL) return NULL;
    BIO *bio = BIO_new(method);
    if (bio == NULL) {
        free(wire);
        return NULL;
    }
    wire->descriptor = descriptor;
    wire->owner = owner;
    BIO_set_data(bio, wire);
    BIO_set_init(bio, 1);
    SSL *session = SSL_new(contexts);
    if (session == NULL) {
        BIO_free(bio);
        return NULL;
    }
    /* One reference serves both directions: the same BIO twice takes over just one. */
    SSL_set_bio(session, bio, bio);
    return session;
}

SSL *wire_accept(SSL_CTX *contexts, int descriptor, const void *owner) {
    SSL *session = wire_make(contexts, descriptor, owner);
    if (session != NULL) SSL_set_accept_state(session);
    return session;
}

SSL *wire_connect(SSL_CTX *context, int descriptor, const void *owner, const char *name) {
    SSL *session = wire_make(context, descriptor, owner);
    if (session == NULL) return NULL;
    SSL_set_connect_state(session);
    if (name != NULL && SSL_set_tlsext_host_name(session, name) != 1) {
        SSL_free(session);
        return NULL;
    }
    return session;
}

struct wire *wire_of(const SSL *session) {
    return BIO_get_data(SSL_get_rbio(session));
}

int64_t tls_seconds(void) {
    struct timespec now;
    return clock_gettime(CLOCK_BOOTTIME, &now) == 0 ? now.tv_sec : 0;
}

int tls_ready_ticket(EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, const unsigned char *secret, const unsigned char *proof,
                     const unsigned char *iv, int sealing) {
    /* OpenSSL takes what it only reads here as writable. */
    OSSL_PARAM settings[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)proof, 32),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, "SHA256", 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, secret, iv, sealing) == 1
        && EVP_MAC_CTX_set_params(mac, settings) == 1;
}

/* Without a callback OpenSSL would ask for the passphrase on the terminal. */
static int refuse_passphrase(char *into, int room, int writing, void *data) {
    (void)into;
    (void)room;
    (void)writing;
    (void)data;
    return -1;
}

X509 *tls_read_certificate(BIO *text) {
    return PEM_read_bio_X509(text, NULL, refuse_passphrase, NULL);
}

EVP_PKEY *tls_read_key(BIO *text) {
    return PEM_read_bio_PrivateKey(text, NULL, refuse_passphrase, NULL);
}

GENERAL_NAMES *tls_names(X509 *certificate) {
    return X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
}

int tls_name_count(const GENERAL_NAMES *names) {
    return sk_GENERAL_NAME_num(names);
}

const unsigned char *tls_name_at(const GENERAL_NAMES *names, int index, int *count) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
    if (name == NULL || name->type != GEN_DNS) return NULL;
    *count = ASN1_STRING_length(name->d.dNSName);
    return ASN1_STRING_get0_data(name->d.dNSName);
}

void tls_names_free(GENERAL_NAMES *names) {
    GENERAL_NAMES_free(names);
}

const unsigned char *tls_common_name(X509 *certificate, int *count) {
    X509_NAME *subject = X509_get_subject_name(certificate);
    int at = subject == NULL ? -1 : X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at < 0) return NULL;
    const ASN1_STRING *text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
    *count = ASN1_STRING_length(text);
    return ASN1_STRING_get0_data(text);
}
