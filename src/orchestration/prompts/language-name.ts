const NAMES: Readonly<Record<string, string>> = {
  en: 'English', zh: 'Simplified Chinese (简体中文)', 'zh-hans': 'Simplified Chinese (简体中文)', 'zh-cn': 'Simplified Chinese (简体中文)',
  'zh-hant': 'Traditional Chinese (繁體中文)', 'zh-tw': 'Traditional Chinese (繁體中文)',
};

/** A language tag as a name that models follow well; an unknown tag is named as it stands. */
export function languageName(tag: string): string {
  const known = NAMES[tag.toLowerCase()];
  if (known !== undefined) return known;
  if (!/^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}$/.test(tag)) return 'English';
  return new Intl.DisplayNames(['en'], { type: 'language' }).of(tag) ?? tag;
}
