/* SPDX-License-Identifier: Apache-2.0 */
/* address: the domain of an envelope address as Postfix's rewriting makes it.
 *
 * smtpd(8) asks its policy servers before trivial-rewrite(8) has seen the address. What a domain
 * rule must be tested against is the domain that the mail leaves with, so the steps of
 * rewrite_tree() (src/trivial-rewrite/rewrite.c, Postfix 3.7) are followed here, over the unquoted
 * text:
 *
 * - quote_822_local() quotes what stands before the last "@" and nothing behind it. The domain is
 *   then read as RFC 822 tokens: blanks fall away, quotes and backslashes are undone. So the mail
 * of MAIL FROM:<user@"bank .example"> leaves as user@bank.example.
 * - Without an "@": domain!user, else user%domain, else user@myorigin; but a text that needs quotes
 *   is one word, in which no operator is seen.
 * - One trailing dot goes. A domain without a dot gets .mydomain.
 *
 * Where these steps leave an operator alone (a parameter says no; quotes hide it), a host behind
 * this one may still act on it, and that reading is given too. Not followed are the tables that
 * change an address later (canonical_maps, virtual_alias_maps, masquerade_domains).
 *
 * Recipients are moved on by resolve_addr() (src/trivial-rewrite/resolve.c, 3.7): the domain is
 * dropped while it is a local one, quotes around the local part are broken open, and what is left
 * is rewritten as above, again and again. Which domains are local is not known here, nor what a
 * host behind this one does; therefore each text between two operators is taken for a domain that
 * stands where one can: behind "@" or "%", or before "!".
 *
 * Only a domain with bytes above 127 costs an allocation. */
#include "address.h"

#include <string.h>

/* ---- internationalised names ---- */

/* Code points that IDNA mapping drops from a name (UTS #46, status "ignored", and the other
 * Default_Ignorable_Code_Point ranges): a name written with them is the name without them. */
static const struct {
	gunichar first, last;
} ignorable[] = {
	{ 0x00ad, 0x00ad },   { 0x034f, 0x034f }, { 0x061c, 0x061c },   { 0x115f, 0x1160 },
	{ 0x17b4, 0x17b5 },   { 0x180b, 0x180f }, { 0x200b, 0x200f },   { 0x202a, 0x202e },
	{ 0x2060, 0x206f },   { 0x3164, 0x3164 }, { 0xfe00, 0xfe0f },   { 0xfeff, 0xfeff },
	{ 0xffa0, 0xffa0 },   { 0xfff0, 0xfff8 }, { 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a },
	{ 0xe0000, 0xe0fff },
};

static gboolean
is_ignorable(gunichar c)
{
	for (size_t i = 0; i < G_N_ELEMENTS(ignorable); i++)
		if (c >= ignorable[i].first && c <= ignorable[i].last)
			return TRUE;
	return FALSE;
}

/* The ideographic full stops separate labels as a dot does (RFC 3490, 3.1). */
static gboolean
is_full_stop(gunichar c)
{
	return c == 0x3002 || c == 0xff0e || c == 0xff61;
}

static gboolean
is_blank(gunichar c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* text in valid UTF-8 without what is ignored, with each full stop made a dot. */
static char *
dup_with_dots(const char *text)
{
	GString *result = g_string_new(NULL);

	for (const char *at = text; *at != '\0'; at = g_utf8_next_char(at)) {
		const gunichar c = g_utf8_get_char(at);

		if (is_full_stop(c))
			g_string_append_c(result, '.');
		else if (!is_ignorable(c) && !is_blank(c))
			g_string_append_unichar(result, c);
	}
	return g_string_free(result, FALSE);
}

/* Without case. g_utf8_casefold() swaps the two cases of Cherokee (GLib 2.74); in lower case they
 * are one. */
static char *
dup_caseless(const char *text)
{
	g_autofree char *folded = g_utf8_casefold(text, -1);
	GString *result = g_string_new(NULL);

	for (const char *at = folded; *at != '\0'; at = g_utf8_next_char(at))
		g_string_append_unichar(result, g_unichar_tolower(g_utf8_get_char(at)));
	return g_string_free(result, FALSE);
}

/* The form in which two spellings of one internationalised name are equal: so a full-width spelling
 * of an ASCII name finds the rule of that name. Bytes that are no UTF-8 are nobody's name (smtpd
 * answers 500 5.5.2); they stay as they are, so that a rule for the domain above still applies. */
static char *
dup_folded(const char *text)
{
	if (!g_utf8_validate(text, -1, NULL))
		return g_strdup(text);

	g_autofree char *dotted = dup_with_dots(text);
	g_autofree char *composed = g_utf8_normalize(dotted, -1, G_NORMALIZE_NFKC);
	g_autofree char *folded = dup_caseless(composed);
	/* A compatibility form of a full stop, or of a blank, has become one only now. */
	g_autofree char *again = dup_with_dots(folded);

	return g_utf8_normalize(again, -1, G_NORMALIZE_NFKC);
}

/* ---- one domain ---- */

typedef struct {
	char text[ADDRESS_MAX_DOMAIN + 2]; /* one byte more: a trailing dot may still go */
	size_t length;
	gboolean is_plain; /* nothing but letters' case was changed */
} Domain;

/* g_ascii_tolower() is a call for each byte. */
static char
fold_case(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* Read text as RFC 822 tokens, in ASCII lower case: blanks between them fall away, quotes and
 * backslashes are undone (src/global/tok822_parse.c, tok822_scan_limit, 3.7). A blank within quotes
 * or behind a backslash falls away too, where Postfix would keep it and then refuse the name. The
 * length of what is now in out, or size where it does not fit. */
static size_t
read_tokens(char *out, size_t size, const char *text, size_t length)
{
	gboolean is_literal = FALSE; /* behind a backslash */
	size_t n = 0;

	for (size_t i = 0; i < length; i++) {
		const gboolean is_mark = !is_literal && (text[i] == '"' || text[i] == '\\');

		is_literal = is_mark && text[i] == '\\';
		if (is_mark || is_blank((unsigned char)text[i]))
			continue;
		if (n == size - 1)
			return size;
		out[n++] = fold_case(text[i]);
	}
	out[n] = '\0';
	return n;
}

static gboolean
append_tokens(Domain *domain, const char *text, size_t length)
{
	const size_t room = sizeof domain->text - domain->length;
	const size_t n = read_tokens(domain->text + domain->length, room, text, length);

	domain->is_plain = domain->is_plain && n == length;
	domain->length += n;
	return n < room;
}

static gboolean
is_ascii(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] > 127)
			return FALSE;
	return TRUE;
}

static gboolean
read_domain(Domain *domain, const char *text, size_t length)
{
	*domain = (Domain){ .is_plain = TRUE };
	if (is_ascii(text, length))
		return append_tokens(domain, text, length);

	/* What falls away may stand within a character. */
	g_autofree char *tokens = g_malloc(length + 1);
	read_tokens(tokens, length + 1, text, length);
	g_autofree char *folded = dup_folded(tokens);
	domain->is_plain = FALSE;
	domain->length = g_strlcpy(domain->text, folded, sizeof domain->text);
	return domain->length < sizeof domain->text;
}

static gboolean
has_dot(const Domain *domain)
{
	return memchr(domain->text, '.', domain->length) != NULL;
}

/* rewrite_tree() strips one trailing dot, "but not dot-dot". */
static void
strip_trailing_dot(Domain *domain)
{
	if (domain->length > 1 && domain->text[domain->length - 1] == '.' &&
	    domain->text[domain->length - 2] != '.')
		domain->text[--domain->length] = '\0';
}

/* ---- readings ---- */

static gboolean
add_reading(AddressDomains *domains, Domain *domain)
{
	strip_trailing_dot(domain);
	if (domain->length > ADDRESS_MAX_DOMAIN)
		return FALSE;
	for (size_t i = 0; i < domains->n; i++)
		if (strcmp(domains->domain[i], domain->text) == 0)
			return TRUE;
	g_return_val_if_fail(domains->n < ADDRESS_MAX_READINGS, FALSE);
	memcpy(domains->domain[domains->n++], domain->text, domain->length + 1);
	return TRUE;
}

/* Add what text, the part of an address that names its domain, may be for Postfix. An empty part
 * adds nothing. */
static gboolean
add_domain(AddressDomains *domains, const AddressRewriting *rewriting, const char *text,
	   size_t length)
{
	const char *mydomain = rewriting->mydomain;
	const gboolean appends =
		rewriting->append_dot_mydomain && mydomain != NULL && mydomain[0] != '\0';
	Domain domain;

	if (!read_domain(&domain, text, length))
		return FALSE;
	if (domain.length == 0)
		return TRUE;

	/* Postfix looks for a dot that is a token; one within quotes, behind a backslash or in
	 * another script is none. Such a domain may be meant with and without mydomain. */
	const gboolean is_short = appends && domain.text[0] != '[' && !has_dot(&domain);
	const gboolean is_doubtful = appends && domain.text[0] != '[' && !domain.is_plain;

	const gboolean is_certain = is_short && domain.is_plain;

	if (is_short || is_doubtful) {
		Domain whole = domain;

		strip_trailing_dot(&whole);
		/* Too long, and Postfix refuses the address where it completes it. */
		const gboolean fits = append_tokens(&whole, ".", 1) &&
				      append_tokens(&whole, mydomain, strlen(mydomain)) &&
				      add_reading(domains, &whole);
		if (!fits && is_certain)
			return FALSE;
	}
	return is_certain || add_reading(domains, &domain);
}

/* Whether quote_822_local() leaves text alone (src/global/quote_822_local.c, is_822_dot_string,
 * 3.7), so that the operators in it are seen. */
static gboolean
is_dot_string(const char *text, size_t length)
{
	if (length == 0 || text[0] == '.' || text[length - 1] == '.')
		return FALSE;
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '.' && text[i + 1] == '.')
			return FALSE;
		if (g_ascii_iscntrl(text[i]) || strchr(" ()<>@,;:\\\"[]", text[i]) != NULL)
			return FALSE;
	}
	return TRUE;
}

/* An address without "@": each operator in it gives a reading, and so does myorigin, unless this
 * Postfix acts on an operator for certain. */
static gboolean
add_bare(AddressDomains *domains, const AddressRewriting *rewriting, const char *text,
	 size_t length)
{
	const char *bang = memchr(text, '!', length);
	const char *percent = memrchr(text, '%', length);
	const gboolean acts = (bang != NULL && rewriting->swap_bangpath) ||
			      (percent != NULL && rewriting->allow_percent_hack);
	const gboolean is_rewritten = acts && is_dot_string(text, length);
	const char *myorigin = rewriting->myorigin;

	if (bang != NULL && !add_domain(domains, rewriting, text, (size_t)(bang - text)))
		return FALSE;
	if (percent != NULL &&
	    !add_domain(domains, rewriting, percent + 1, (size_t)(text + length - percent - 1)))
		return FALSE;
	if (is_rewritten || !rewriting->append_at_myorigin || myorigin == NULL)
		return TRUE;
	return add_domain(domains, rewriting, myorigin, strlen(myorigin));
}

/* Behind a source route "@host:", which quote_822_local() skips and rewrite_tree() strips. smtpd(8)
 * has stripped one already; a quoted one, as in MAIL FROM:<"@host:user">, is still there. */
static const char *
skip_route(const char *address)
{
	const char *colon = address[0] == '@' ? strchr(address, ':') : NULL;

	return colon != NULL && colon[1] != '\0' ? colon + 1 : address;
}

/* What is left of an address without a source route and without null domains at its end:
 * "user@domain@" passes smtpd(8) and is mail of user@domain, because resolve_addr() strips the null
 * domain before it looks on. */
static const char *
strip(const char *address, size_t *length)
{
	const char *start = skip_route(address);

	*length = strlen(start);
	while (*length > 0 && strchr("@ \t", start[*length - 1]) != NULL)
		--*length;
	return start;
}

gboolean
address_domains(const char *address, const AddressRewriting *rewriting, AddressDomains *domains)
{
	size_t length;
	const char *start = strip(address, &length);

	domains->n = 0;
	if (length == 0)
		return TRUE;

	const char *at = memrchr(start, '@', length);
	if (at == NULL)
		return add_bare(domains, rewriting, start, length);
	return add_domain(domains, rewriting, at + 1, (size_t)(start + length - at - 1)) &&
	       domains->n > 0;
}

/* ---- recipients ---- */

static gboolean
visit_readings(const AddressDomains *domains, AddressVisit visit, void *data)
{
	for (size_t i = 0; i < domains->n; i++)
		if (!visit(domains->domain[i], data))
			return FALSE;
	return TRUE;
}

static const char operators[] = "@%!:";

/* Visit what each piece between operators that may be a domain may be. A colon ends a source route,
 * which a local part that is unwrapped may begin with. */
static gboolean
visit_pieces(const char *text, const char *end, const AddressRewriting *rewriting,
	     AddressVisit visit, void *data)
{
	char before = ':';

	while (text < end) {
		const size_t length = MIN(strcspn(text, operators), (size_t)(end - text));
		const char after = text + length < end ? text[length] : ':';

		if (before == '@' || before == '%' || after == '!') {
			AddressDomains domains;

			/* Of one that is too long nothing is added. */
			domains.n = 0;
			if (add_domain(&domains, rewriting, text, length) &&
			    !visit_readings(&domains, visit, data))
				return FALSE;
		}
		before = after;
		text += length + 1;
	}
	return TRUE;
}

/* Whether there is more than the one operator that address_domains() sees. */
static gboolean
is_nested(const char *text, const char *end)
{
	const char *first = text + strcspn(text, operators);

	return first < end && first + 1 + strcspn(first + 1, operators) < end;
}

/* What an address without a domain is completed with. */
static gboolean
visit_origin(const AddressRewriting *rewriting, AddressVisit visit, void *data)
{
	AddressDomains domains;

	domains.n = 0;
	return rewriting->myorigin == NULL ||
	       !add_domain(&domains, rewriting, rewriting->myorigin, strlen(rewriting->myorigin)) ||
	       visit_readings(&domains, visit, data);
}

/* A local part that is unwrapped loses a source route, and what is then left may hold no domain any
 * more: RCPT TO:<"@a:@b:user"@local> is delivered to user@myorigin (shown with 3.7.11). */
static gboolean
visit_nested(const char *text, const char *end, const AddressRewriting *rewriting,
	     AddressVisit visit, void *data)
{
	return visit_pieces(text, end, rewriting, visit, data) &&
	       (memchr(text, ':', (size_t)(end - text)) == NULL ||
		visit_origin(rewriting, visit, data));
}

gboolean
address_visit_recipient(const char *address, const AddressRewriting *rewriting, AddressVisit visit,
			void *data)
{
	AddressDomains domains;
	size_t length;
	const char *start = strip(address, &length);

	if (address[0] == '\0')
		return TRUE;
	if ((!address_domains(address, rewriting, &domains) || domains.n == 0) &&
	    rewriting->myorigin != NULL)
		add_domain(&domains, rewriting, rewriting->myorigin, strlen(rewriting->myorigin));
	return visit_readings(&domains, visit, data) &&
	       (!is_nested(start, start + length) ||
		visit_nested(start, start + length, rewriting, visit, data));
}

/* ---- names ---- */

gboolean
address_read_client_name(const char *name, char folded[ADDRESS_MAX_DOMAIN + 1])
{
	Domain domain;

	folded[0] = '\0';
	/* src/smtpd/smtpd_peer.c, 3.7: CLIENT_NAME_UNKNOWN. */
	if (strcmp(name, "unknown") == 0 || !read_domain(&domain, name, strlen(name)))
		return FALSE;
	strip_trailing_dot(&domain);
	if (domain.length == 0 || domain.length > ADDRESS_MAX_DOMAIN)
		return FALSE;
	memcpy(folded, domain.text, domain.length + 1);
	return TRUE;
}

char *
address_dup_folded(const char *domain)
{
	const size_t length = strlen(domain);

	return is_ascii(domain, length) ? g_ascii_strdown(domain, -1) : dup_folded(domain);
}
