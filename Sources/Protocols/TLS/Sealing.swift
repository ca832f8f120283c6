import COpenSSL

/// Keeps secrets on disk: AES-256-GCM under a key that the disk does not hold.
///
/// Sealed bytes are a format number (1), a random nonce of 12 bytes, the ciphertext and a tag of 16 bytes. The format
/// number is authenticated. Random nonces are good for 2^32 seals a key (NIST SP 800-38D §8.3).
public enum Sealing {
    public static let keyCount = 32
    /// How much longer than the plain bytes the sealed ones are.
    public static let overhead = 1 + nonceCount + tagCount

    static let format: UInt8 = 1
    static let nonceCount = 12
    static let tagCount = 16
    /// OpenSSL counts in 32 bits; nothing we seal comes near.
    static let plainLimit = 64 << 20

    /// 32 bytes for another purpose, the same for the same key and purpose: HMAC-SHA-256 (RFC 2104) of the purpose's
    /// name, which is what HKDF expands to (RFC 5869 §2.3). Nobody gets from them to the key, or to those of another
    /// purpose.
    public static func derive(_ purpose: String, key: [UInt8]) -> [UInt8] {
        precondition(key.count == keyCount)
        func pad(_ byte: UInt8) -> [UInt8] { key.map { $0 ^ byte } + [UInt8](repeating: byte, count: 64 - keyCount) }
        return hash(pad(0x5c) + hash(pad(0x36) + Array(purpose.utf8) + [1]))
    }

    private static func hash(_ bytes: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        let isDone = unsafe EVP_Digest(bytes, bytes.count, &digest, nil, EVP_sha256(), nil) == 1
        precondition(isDone, "OpenSSL cannot hash")
        return digest
    }

    /// `plain`, readable again only with `key`. A key of another length than ``keyCount`` is our own bug.
    public static func seal(_ plain: [UInt8], key: [UInt8]) -> [UInt8] {
        precondition(key.count == keyCount && plain.count <= plainLimit)
        let header = [format]
        let nonce = randomBytes(nonceCount)
        var cipher = [UInt8](repeating: 0, count: plain.count)
        var tag = [UInt8](repeating: 0, count: tagCount)
        let work = Work()
        var (count, tail): (CInt, CInt) = (0, 0)
        let sealed =
            unsafe EVP_EncryptInit_ex(work.state, EVP_aes_256_gcm(), nil, nil, nil) == 1
            && tls_gcm_set_nonce_length(work.state, CInt(nonceCount)) == 1
            && EVP_EncryptInit_ex(work.state, nil, nil, key, nonce) == 1
            && EVP_EncryptUpdate(work.state, nil, &count, header, CInt(header.count)) == 1
            && EVP_EncryptUpdate(work.state, &cipher, &count, plain, CInt(plain.count)) == 1
            && EVP_EncryptFinal_ex(work.state, &tag, &tail) == 1
            && tls_gcm_get_tag(work.state, &tag) == 1
        // With a key and nonce of the right length only lack of memory is left.
        precondition(sealed && Int(count) == plain.count && tail == 0, "OpenSSL cannot seal")
        return header + nonce + cipher + tag
    }

    /// What was sealed, or `nil` when the bytes were not sealed with this key, or were changed since.
    public static func open(_ sealed: [UInt8], key: [UInt8]) -> [UInt8]? {
        precondition(key.count == keyCount)
        guard sealed.count >= overhead, sealed.count - overhead <= plainLimit, sealed[0] == format else { return nil }
        let header = Array(sealed[..<1])
        let nonce = Array(sealed[1..<(1 + nonceCount)])
        let cipher = Array(sealed[(1 + nonceCount)..<(sealed.count - tagCount)])
        let tag = Array(sealed[(sealed.count - tagCount)...])
        var plain = [UInt8](repeating: 0, count: cipher.count)
        var rest = [UInt8](repeating: 0, count: tagCount)
        let work = Work()
        var (count, tail): (CInt, CInt) = (0, 0)
        let opened =
            unsafe EVP_DecryptInit_ex(work.state, EVP_aes_256_gcm(), nil, nil, nil) == 1
            && tls_gcm_set_nonce_length(work.state, CInt(nonceCount)) == 1
            && EVP_DecryptInit_ex(work.state, nil, nil, key, nonce) == 1
            && EVP_DecryptUpdate(work.state, nil, &count, header, CInt(header.count)) == 1
            && EVP_DecryptUpdate(work.state, &plain, &count, cipher, CInt(cipher.count)) == 1
            && tls_gcm_set_tag(work.state, tag) == 1
            // Compares the tags, in constant time.
            && EVP_DecryptFinal_ex(work.state, &rest, &tail) == 1
        ERR_clear_error()
        return opened && Int(count) == cipher.count && tail == 0 ? plain : nil
    }

    /// Bytes nobody can guess. Stops the process when the system has none to give: going on would be worse.
    public static func randomBytes(_ count: Int) -> [UInt8] {
        precondition(count >= 0 && count <= CInt.max)
        var bytes = [UInt8](repeating: 0, count: count)
        precondition(unsafe RAND_bytes(&bytes, CInt(count)) == 1, "no randomness from OpenSSL")
        return bytes
    }

    /// OpenSSL's working memory for one seal; wiped when freed.
    @safe private struct Work: ~Copyable {
        let state: OpaquePointer

        init() {
            guard let state = unsafe EVP_CIPHER_CTX_new() else { preconditionFailure("out of memory") }
            unsafe self.state = unsafe state
        }

        deinit { unsafe EVP_CIPHER_CTX_free(state) }
    }
}
