// What a licence says of itself, and when its signature counts.
import { createHmac, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { MAX_LICENSE_BYTES, readLicense } from '../../src/license/index.ts';
import { base64url, licenseIssuer, signature } from '../support/licenses.ts';

const issuer = licenseIssuer();
const bytes = (text: string) => Buffer.from(text);
const pemOf = (jwk: object) =>
  createPublicKey({ key: jwk as never, format: 'jwk' })
    .export({ type: 'spki', format: 'pem' })
    .toString();
const read = (text: string | Uint8Array, publicKey?: string) =>
  readLicense(typeof text === 'string' ? bytes(text) : text, { publicKey, what: 'license.blob' });
const notSigned = { code: 'LICENSE_SIGNATURE' };

/** RFC 7515 A.2, A.3; RFC 8037 A.4. */
const EXAMPLES = [
  {
    name: 'RFC 7515 A.2, RS256',
    key: {
      kty: 'RSA',
      e: 'AQAB',
      n: 'ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ',
    },
    token:
      'eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw',
    validUntil: new Date('2011-03-22T18:43:00Z'),
  },
  {
    name: 'RFC 7515 A.3, ES256',
    key: {
      kty: 'EC',
      crv: 'P-256',
      x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
      y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
    },
    token:
      'eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q',
    validUntil: new Date('2011-03-22T18:43:00Z'),
  },
  {
    name: 'RFC 8037 A.4, EdDSA',
    key: { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' },
    token:
      'eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg',
    validUntil: undefined,
  },
];

describe('a signed token', () => {
  it.each(EXAMPLES)('is proven: $name', async ({ key, token, validUntil }) => {
    const license = await read(token, pemOf(key));
    expect(license).toEqual({ kind: 'jws', isProven: true, ...(validUntil && { validUntil }) });
  });

  it.each(EXAMPLES)('with one other character is refused: $name', async ({ key, token }) => {
    for (const at of [token.indexOf('.') + 3, token.lastIndexOf('.') + 9]) {
      const other = `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`;
      await expect(read(other, pemOf(key))).rejects.toMatchObject(notSigned);
    }
  });

  it.each(['EdDSA', 'ES256', 'RS256'] as const)('is proven with the key as PEM and as base64 DER: %s', async (alg) => {
    const { issue, publicPEM, publicDER } = licenseIssuer(alg);
    const token = issue({ sub: 'ACME', product: 'atrium', site: 'plant 1', exp: 1_900_000_000, nbf: 1_700_000_000 });
    for (const key of [publicPEM, publicDER]) {
      expect(await read(token, key)).toEqual({
        kind: 'jws',
        isProven: true,
        subject: 'ACME',
        product: 'atrium',
        site: 'plant 1',
        validFrom: new Date(1_700_000_000_000),
        validUntil: new Date(1_900_000_000_000),
      });
    }
  });

  it('of another issuer is refused, and no error has its text', async () => {
    const token = licenseIssuer().issue({ exp: 1_900_000_000 });
    const failed = await read(token, issuer.publicPEM).catch((error: Error) => error);
    expect(failed).toMatchObject({
      ...notSigned,
      message:
        'check the signature of license.blob: expected an EdDSA signature by the key of the release, got one that does not fit',
    });
    for (const part of token.split('.')) expect(JSON.stringify(failed) + (failed as Error).stack).not.toContain(part);
  });

  it('is read without a key, and says that nobody proved it', async () => {
    const license = await read(issuer.issue({ licensee: 'ACME', expiresAt: '2027-03-31T12:00:00Z' }));
    expect(license).toEqual({
      kind: 'jws',
      isProven: false,
      subject: 'ACME',
      validUntil: new Date('2027-03-31T12:00:00Z'),
    });
  });

  it('that says it has no algorithm is refused, with a key and without', async () => {
    for (const alg of ['none', 'None', 'NONE']) {
      const token = `${base64url({ alg })}.${base64url({ exp: 1_900_000_000 })}.`;
      for (const key of [undefined, issuer.publicPEM]) await expect(read(token, key)).rejects.toMatchObject(notSigned);
    }
  });

  it('made with the public key as a secret (HS256) is refused', async () => {
    for (const { publicPEM, publicDER } of [issuer, licenseIssuer('RS256')]) {
      for (const secret of [publicPEM, publicDER, Buffer.from(publicDER, 'base64')]) {
        const input = `${base64url({ alg: 'HS256' })}.${base64url({ exp: 1_900_000_000 })}`;
        const token = `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
        await expect(read(token, publicPEM)).rejects.toMatchObject(notSigned);
      }
    }
  });

  it('by the right key under another name of an algorithm is refused', async () => {
    const rsa = licenseIssuer('RS256');
    for (const alg of ['PS256', 'RS384', 'ES256', 'EdDSA']) {
      await expect(read(rsa.issue({}, { alg }), rsa.publicPEM)).rejects.toMatchObject(notSigned);
    }
    await expect(read(issuer.issue({}, { alg: 'Ed448' }), issuer.publicPEM)).rejects.toMatchObject(notSigned);
  });

  it('brings no key of its own', async () => {
    const other = generateKeyPairSync('ed25519');
    const input = `${base64url({ alg: 'EdDSA', jwk: other.publicKey.export({ format: 'jwk' }) })}.${base64url({})}`;
    const token = `${input}.${signature(input, other.privateKey, 'EdDSA')}`;
    await expect(read(token, issuer.publicPEM)).rejects.toMatchObject(notSigned);
  });

  it('with an extension that nobody here knows says nothing, and is not proven', async () => {
    const token = issuer.issue({ exp: 1_900_000_000 }, { crit: ['x'], x: 1 });
    expect(await read(token)).toEqual({ kind: 'jws', isProven: false });
    await expect(read(token, issuer.publicPEM)).rejects.toMatchObject(notSigned);
  });

  it('in JSON is one too, with one signature or several: one of ours is enough', async () => {
    const stranger = licenseIssuer('ES256');
    const payload = base64url({ exp: 1_900_000_000 });
    const signed = ({ algorithm, privateKey }: typeof issuer) => {
      const header = base64url({ alg: algorithm });
      return { protected: header, signature: signature(`${header}.${payload}`, privateKey, algorithm) };
    };
    const proven = { kind: 'jws', isProven: true, validUntil: new Date(1_900_000_000_000) };
    for (const json of [
      { payload, ...signed(issuer) },
      { payload, signatures: [signed(issuer)] },
      { payload, signatures: [signed(stranger), signed(issuer)] },
    ]) {
      expect(await read(JSON.stringify(json), issuer.publicPEM)).toEqual(proven);
      expect(await read(JSON.stringify(json))).toEqual({ ...proven, isProven: false });
    }
    const none = { payload, signatures: [signed(issuer), { header: { alg: 'none' }, signature: '' }] };
    for (const json of [{ payload, signatures: [signed(stranger)] }, { payload, signatures: [] }, none]) {
      await expect(read(JSON.stringify(json), issuer.publicPEM)).rejects.toMatchObject(notSigned);
    }
  });

  it('keeps its line end: only the reader passes over white space and a byte order mark', async () => {
    const token = issuer.issue({ exp: 1_900_000_000 });
    for (const text of [`${token}\n`, `${token}\r\n\r\n`, ` ${token}\t`, `\uFEFF${token}\n`]) {
      const given = bytes(text);
      const copy = Buffer.from(given);
      expect(await read(given, issuer.publicPEM)).toMatchObject({ kind: 'jws', isProven: true });
      expect(given.equals(copy)).toBe(true);
    }
  });

  it('in UTF-16 is none: no product reads it', async () => {
    const text = Buffer.from(`\uFEFF${issuer.issue({ exp: 1_900_000_000 })}`, 'utf16le');
    expect(await read(text)).toEqual({ kind: 'opaque', isProven: false });
    await expect(read(text, issuer.publicPEM)).rejects.toThrow('got text in UTF-16: save it as plain text');
    await expect(read(Buffer.from(text).swap16(), issuer.publicPEM)).rejects.toMatchObject(notSigned);
  });

  it('wants a key of the three kinds', async () => {
    const token = issuer.issue({});
    const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey;
    const p384 = generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).publicKey;
    const keys = [small, p384].map((key) => key.export({ type: 'spki', format: 'pem' }).toString());
    for (const key of [...keys, '', 'AAAA', '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n']) {
      await expect(read(token, key)).rejects.toMatchObject({ code: 'LICENSE_KEY_INVALID' });
    }
  });
});

describe('what is no token', () => {
  it('is refused where the release has a key', async () => {
    for (const text of ['SERIAL 1234-5678', JSON.stringify({ validUntil: '2027-01-01' }), 'a.b.c', '[1]', '"x"']) {
      await expect(read(text, issuer.publicPEM)).rejects.toMatchObject(notSigned);
    }
  });

  it('is read when it is JSON, and carried when it is not', async () => {
    const json = { product: 'atrium', customer: 'ACME', siteId: '0123456789abcdef', validUntil: '2027-01-01' };
    expect(await read(JSON.stringify(json))).toEqual({
      kind: 'json',
      isProven: false,
      subject: 'ACME',
      product: 'atrium',
      site: '0123456789abcdef',
      validUntil: new Date('2027-01-01T00:00:00Z'),
    });
    for (const opaque of ['SERIAL 1234-5678', '[1]', '42', '"x"', Buffer.from([1, 2, 0xff, 0]), 'a.b.c', 'a.b.c.d.e']) {
      expect(await read(opaque)).toEqual({ kind: 'opaque', isProven: false });
    }
  });

  it('is XML, but no page', async () => {
    expect(await read('<?xml version="1.0"?><license until="2027"/>')).toEqual({ kind: 'opaque', isProven: false });
    const pages = [
      '<!DOCTYPE html><title>Log in</title>',
      '\n  <html>',
      '\uFEFF<HTML>',
      '<?xml version="1.0"?><!DOCTYPE html PUBLIC "x"><html>',
      '<script>location="/login"</script>',
    ];
    for (const page of pages) await expect(read(page)).rejects.toMatchObject({ code: 'LICENSE_IS_HTML' });
    const wide = Buffer.from('\uFEFF<html>', 'utf16le');
    for (const page of [wide, Buffer.from(wide).swap16()]) {
      await expect(read(page)).rejects.toMatchObject({ code: 'LICENSE_IS_HTML' });
    }
  });

  it('is nothing', async () => {
    for (const nothing of ['', ' \n', '\uFEFF\n', Buffer.alloc(4096)]) {
      await expect(read(nothing)).rejects.toMatchObject({ code: 'LICENSE_EMPTY' });
    }
  });

  it('is at most 1 MiB', async () => {
    expect((await read(Buffer.alloc(MAX_LICENSE_BYTES, 'x'))).kind).toBe('opaque');
    const more = Buffer.alloc(MAX_LICENSE_BYTES + 1, 'x');
    await expect(read(more)).rejects.toMatchObject({ code: 'LICENSE_TOO_LARGE' });
  });
});

describe('the claims', () => {
  const claims = async (fields: object) => {
    const { kind, isProven, ...rest } = await read(JSON.stringify(fields));
    return rest;
  };
  const until = (validUntil: string) => ({ validUntil: new Date(validUntil) });

  it('have the names that vendors give them', async () => {
    for (const name of ['sub', 'subject', 'licensee', 'customer']) {
      expect(await claims({ [name]: 'ACME' })).toEqual({ subject: 'ACME' });
    }
    for (const name of ['site', 'siteId', 'site_id']) expect(await claims({ [name]: 's' })).toEqual({ site: 's' });
    for (const name of ['nbf', 'validFrom', 'notBefore']) {
      expect(await claims({ [name]: 1_700_000_000 })).toEqual({ validFrom: new Date(1_700_000_000_000) });
    }
    for (const name of ['exp', 'validUntil', 'notAfter', 'expires', 'expiresAt', 'expires_at']) {
      expect(await claims({ [name]: '2027-01-02T03:04:05Z' })).toEqual(until('2027-01-02T03:04:05Z'));
    }
  });

  it('take aud for the product where it could be one', async () => {
    expect(await claims({ aud: 'atrium' })).toEqual({ product: 'atrium' });
    expect(await claims({ aud: ['atrium'] })).toEqual({ product: 'atrium' });
    expect(await claims({ aud: 'other', product: 'Atrium' })).toEqual({ product: 'Atrium' });
    for (const aud of ['https://atrium.example', ['a1', 'b1'], 7, {}]) expect(await claims({ aud })).toEqual({});
  });

  it('take aud for the site where it is a siteID', async () => {
    for (const aud of ['0123456789abcdef', 'deadbeefdeadbeef', 'DEADBEEFDEADBEEF', 'any']) {
      expect(await claims({ aud })).toEqual({ site: aud });
      expect(await claims({ aud: [aud] })).toEqual({ site: aud });
    }
    expect(await claims({ aud: 'deadbeefdeadbeef', site: 'north' })).toEqual({ site: 'north' });
    expect(await claims({ aud: 'deadbeefdeadbeef', product: 'atrium' })).toEqual({
      product: 'atrium',
      site: 'deadbeefdeadbeef',
    });
    expect(await claims({ aud: 'deadbeefdeadbee' })).toEqual({ product: 'deadbeefdeadbee' });
  });

  it('read instants in every usual form, in UTC where they name no offset', async () => {
    const forms: Record<string, unknown> = {
      '2027-01-02T00:00:00Z': '2027-01-02',
      '2027-01-02T03:04:00Z': '2027-01-02T03:04',
      '2027-01-02T03:04:05Z': '2027-01-02 03:04:05',
      '2027-01-02T02:04:05Z': '2027-01-02T03:04:05.678+01:00',
      '2027-01-02T08:34:05Z': '2027-01-02T03:04:05-0530',
      '2030-03-17T17:46:40Z': 1_900_000_000,
    };
    for (const [expected, value] of Object.entries(forms))
      expect(await claims({ exp: value })).toEqual(until(expected));
  });

  it('say nothing where a value is no instant', async () => {
    const values = ['soon', '2027-02-30', '2027-13-01', '', 1.9e12, -1, true, null, [1_900_000_000], '1900000000'];
    for (const exp of values) expect(await claims({ exp })).toEqual({});
  });

  it('count the soonest of several ends, the latest of several starts', async () => {
    const both = { exp: 1_900_000_000, validUntil: '2027-01-01', nbf: 1_700_000_000, validFrom: '2026-01-01' };
    expect(await claims(both)).toEqual({ ...until('2027-01-01'), validFrom: new Date('2026-01-01') });
  });

  it('are one line when they are shown', async () => {
    expect(await claims({ sub: '\u001b[31mACME\n\u202egmbh', site: '\n' })).toEqual({ subject: '[31mACME gmbh' });
    expect((await claims({ sub: 'x'.repeat(5000) })) as { subject: string }).toEqual({ subject: 'x'.repeat(200) });
  });
});
