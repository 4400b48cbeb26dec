/** A certificate with its key, for tests only. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

// Made once for these tests with openssl (self-signed, for 127.0.0.1, good for a hundred years): Node cannot make one by itself.

/** One that a child is told to trust (`NODE_EXTRA_CA_CERTS`). */
export const known: Certificate = {
  cert: `-----BEGIN CERTIFICATE-----
MIIBnjCCAUSgAwIBAgIUSl1qw0QkUpaCswml8w4frdYsVoYwCgYIKoZIzj0EAwIw
GzEZMBcGA1UEAwwQa21raXQgdGVzdCBrbm93bjAgFw0yNjExMjUwODA0MThaGA8y
MTI2MTEwMTA4MDQxOFowGzEZMBcGA1UEAwwQa21raXQgdGVzdCBrbm93bjBZMBMG
ByqGSM49AgEGCCqGSM49AwEHA0IABGdB4NuLSKEeAeG6+e7Z3+CJeh/bIhff/h99
L8TTttJQDzxM77yMDK4yL4Kn+wm341ZT8bl6hC4wETfjfLrVIiSjZDBiMB0GA1Ud
DgQWBBSHoWsGvwqdSzTPbjmbhsgA79IMATAfBgNVHSMEGDAWgBSHoWsGvwqdSzTP
bjmbhsgA79IMATAPBgNVHRMBAf8EBTADAQH/MA8GA1UdEQQIMAaHBH8AAAEwCgYI
KoZIzj0EAwIDSAAwRQIhAPJAIddOsVlXwp1p3BiUMg8TJWMPmfdRfqYYicJhEuWx
AiAxbNXLUMka++BuRZW77F1RM6PrlQoFLmNlcca3ysmHFw==
-----END CERTIFICATE-----
`,
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgvckxbhSdLkH/+Cn0
tKWGukMFCcYBegNVZrqWrtI4i8qhRANCAARnQeDbi0ihHgHhuvnu2d/giXof2yIX
3/4ffS/E07bSUA88TO+8jAyuMi+Cp/sJt+NWU/G5eoQuMBE343y61SIk
-----END PRIVATE KEY-----
`,
};

/** One that nobody trusts. */
export const stranger: Certificate = {
  cert: `-----BEGIN CERTIFICATE-----
MIIBpTCCAUqgAwIBAgIUPDtmESjw7ZJVPb1eqABbIGrGySkwCgYIKoZIzj0EAwIw
HjEcMBoGA1UEAwwTa21raXQgdGVzdCBzdHJhbmdlcjAgFw0yNjExMjUwODA0MTha
GA8yMTI2MTEwMTA4MDQxOFowHjEcMBoGA1UEAwwTa21raXQgdGVzdCBzdHJhbmdl
cjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABIonnMYJpvvloVltReUG0guthUPt
btApl9wfV2MOSUJYcbF4DH23IUrKz4R7wlfvueqmC/be6FI1tbvdpEiIva6jZDBi
MB0GA1UdDgQWBBTxQKcqbdyoLjYvyIIFKPsw5CTqCzAfBgNVHSMEGDAWgBTxQKcq
bdyoLjYvyIIFKPsw5CTqCzAPBgNVHRMBAf8EBTADAQH/MA8GA1UdEQQIMAaHBH8A
AAEwCgYIKoZIzj0EAwIDSQAwRgIhAJqhp6IOTsp1wgdky0EV0WJti4WyITYuS3tI
BW9A3nSlAiEA9zY1LHVHFAjD1UDXM1qa3R31kpOvx3gffPXbDXrSWDo=
-----END CERTIFICATE-----
`,
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgk4xm0qoesDgTRDg+
RZB9i7qhPlJPnRZYqyz7OMevt0OhRANCAASKJ5zGCab75aFZbUXlBtILrYVD7W7Q
KZfcH1djDklCWHGxeAx9tyFKys+Ee8JX77nqpgv23uhSNbW73aRIiL2u
-----END PRIVATE KEY-----
`,
};
