//! Public keys of the tests, and tokens of the user 7 that were signed with their private halves, which are gone.

pub(super) const RSA: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAxLdZsoqjv4HREd49uJ3B\n\
1ZCP6KjE2p/m/0CLvbZ932DNfIWB5TmmcJm+ktyBWlIu8+cxwGfR7Zom09CiXFxN\n\
GAhVTbD2UvSwLoLyxgZrgM0iAkyW8fkIjhlbmamBDzITD3xCBSq02Ml4Uu1XfcFT\n\
rvJnKXFwiL4vv+VLMeNYi8zaF1zyY8GlG4HvYjO/Dchq1TiQ4fLv/bbWsnFVvCLj\n\
gYNkYaSUe7qgZUO3cv8IDaV1JCMFRSiYNo00fmN15xWwLhJcBp76TvAUcgNxC/wv\n\
D17YCSZxT0jsFGYBq0u5K6VOxySlkv7B8kF7uCeJkAHcnt6WAAjdXyGDpLqCUpj8\n\
2QIDAQAB\n\
-----END PUBLIC KEY-----\n\
";

pub(super) const EC: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEmAxJUwnZIRLzTPMSg3CD65j8wS9k\n\
yZaBmtoPinPr7cMDcdbhXm3XRxQwqz8Fs0N5zGgKy2OdJUv5lp98CfRaMg==\n\
-----END PUBLIC KEY-----\n\
";

/// Both, as `rsa-1` and `ec-1`.
pub(super) const SET: &str = "\
     {\"keys\":[{\"kid\":\"rsa-1\",\"use\":\"sig\",\"kty\":\"RSA\",\"n\":\"xLdZsoqjv4HREd49uJ3B1ZCP6KjE2p_m_0CLvbZ932D\
     NfIWB5TmmcJm-ktyBWlIu8-cxwGfR7Zom09CiXFxNGAhVTbD2UvSwLoLyxgZrgM0iAkyW8fkIjhlbmamBDzITD3xCBSq02Ml\
     4Uu1XfcFTrvJnKXFwiL4vv-VLMeNYi8zaF1zyY8GlG4HvYjO_Dchq1TiQ4fLv_bbWsnFVvCLjgYNkYaSUe7qgZUO3cv8IDaV\
     1JCMFRSiYNo00fmN15xWwLhJcBp76TvAUcgNxC_wvD17YCSZxT0jsFGYBq0u5K6VOxySlkv7B8kF7uCeJkAHcnt6WAAjdXyG\
     DpLqCUpj82Q\",\"e\":\"AQAB\"},{\"kid\":\"ec-1\",\"use\":\"sig\",\"kty\":\"EC\",\"x\":\"mAxJUwnZIRLzTPMSg3CD65j8wS9ky\
     ZaBmtoPinPr7cM\",\"y\":\"A3HW4V5t10cUMKs_BbNDecxoCstjnSVL-ZaffAn0WjI\",\"crv\":\"P-256\"}]}";

/// Names no key.
pub(super) const RS256: &str = "\
     eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI3IiwiZXhwIjo5OTk5OTk5OTk5fQ.JIG2LruiMwE64_8jqwxJ\
     ZJeH8ijuspGynrbOpXTwW7lapww4VFpqGH0gjp0NNPs7S0tVAJRNzWoQ87y5s-dRxomNRbF3zon0V1pVAaWsCW2vAqJYx3Nb\
     U73e8DWJ2lRt0uMBnBPQ8B_TctkGZE-QXJbkabNoltelfHMqStjbe3B0hBJLvTD5wJtcqwFe_cFgHkk3N_165C-LdMUJ6KTx\
     bv_xCPENNMkZUWPs0ryBq7DMHAlhc3Hf0KSM3VIY0jLjEMdtIURf8uSpNb4KlgISiV7pgESkBbWamHx0q625mH8oc2_Lw8LQ\
     MXxxY6uJliwMRofRCMj6GK1D52xHiNXJNQ";

/// Names `rsa-1`.
pub(super) const RS256_NAMED: &str = "\
     eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6InJzYS0xIn0.eyJzdWIiOiI3IiwiZXhwIjo5OTk5OTk5OTk5fQ.A\
     WkU8s-AKtXSGonSNW2QaRoP8lcktfvMutoCDIl0Ao2Ct4E_oVC4oxzYZ0lqRlhy83cnQpeG07z3AqmxsM9pA2Ctll_SeHKXq\
     xghXAf_CU_GeKpGswQz_KkDozT1RWwstBJDFIQWfhFpcGyg8259R8XH10kbnXAA4IHpZ_c7XMQdX1V1XVfWMpmCqLc_lqdBd\
     44PBQMf7ek1cIBaIHFl1utuq9UGJMXVzs3QS8mZIVIhHsfXoncGqCk6qcmX75KQbGoNjolxQ7Qdjsl1WXcllxiYueBx_EkrM\
     UK_VcDUlisU3w_1xR81TC7WoXK4bGpkOjy81zL-2XI3drmHJ6wqAw";

/// Names a key that is not there.
pub(super) const RS256_MISNAMED: &str = "\
     eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6Im90aGVyIn0.eyJzdWIiOiI3IiwiZXhwIjo5OTk5OTk5OTk5fQ.B\
     5rSDLRCNiGx6RvPxDkjDd_InT1Y5VaKsAhy4xW0PAzb3ArmP9IcrWthOvtdrmaozfYww7kd9eD9zoOagaR3aI3w3ntXcObbU\
     qSYOUp7IzMv_8dHHa87J-sOCy7MpzvFmQTbCoVBq3juSzFB2922Ph8T41eg4uvQdMN_v4NprSrQOEi-dwo9Y9eph4yNJ9BYw\
     Ci55q4phdWqCpzDg4G66b8GZAUll10U9Ua8ZZT1G8TsuNZzbiBE7QjjDYsKkbS5wfsVwvts_RqiMHP8Er3Ql9lsAeqpWnBRn\
     ekgCMIxZR8TFFuNs-H-yzK83u_4TP8zt2GYgDpS1ecGT3vn95wGmw";

/// Names no key.
pub(super) const ES256: &str = "\
     eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI3IiwiZXhwIjo5OTk5OTk5OTk5fQ.hVIIqM8bfdPp2QL7GkCl\
     PD8PEtvcQ4qa6eqoIeN5e6q2CJnHsVoixywHv-dYooLuE5QrQSBmWcKUDI5sA-8drg";

/// Names `ec-1`.
pub(super) const ES256_NAMED: &str = "\
     eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImVjLTEifQ.eyJzdWIiOiI3IiwiZXhwIjo5OTk5OTk5OTk5fQ.o5\
     SXvgaYx0Dc1xoecJjkd9DvOLB4LlfW-o3Dv0UjW_Dljm_PiYwOY1DGT-F5d3UVCt8OTjoqR8sF1FNQn2qLPg";
