import { anyJson, text } from './columns.ts';
import type { StoreContext } from './quarantine.ts';
import type { Store } from './store-contract.ts';
import { readRow } from './table.ts';
import type { Table } from './table.ts';

const table: Table<{ content_hash: string; pin: unknown }> = { name: 'pins', columns: { content_hash: text, pin: anyJson } };

/** Content that sessions are pinned to; a text that several pins use is stored once. */
export function createPinRepository({ database, onDamage }: StoreContext): Store['content'] {
  return {
    putPin: (contentHash, pin, ...[texts, at]) => database.transaction(() => {
      const sql = 'INSERT INTO pins (content_hash, pin, used_at) VALUES (?, ?, ?) ON CONFLICT (content_hash) DO UPDATE SET used_at = excluded.used_at';
      database.run(sql, contentHash, anyJson.encode(pin), at);
      for (const { hash, text: body } of texts) {
        database.run('INSERT OR IGNORE INTO texts (text_hash, text) VALUES (?, ?)', hash, body);
        database.run('INSERT OR IGNORE INTO pin_texts (content_hash, text_hash) VALUES (?, ?)', contentHash, hash);
      }
    }),
    getPin: (contentHash) => {
      const raw = database.get('SELECT content_hash, pin FROM pins WHERE content_hash = ?', contentHash);
      if (raw === null) return null;
      const { pin } = readRow(table, raw, onDamage);
      const rows = database.all('SELECT text_hash, text FROM pin_texts JOIN texts USING (text_hash) WHERE content_hash = ?', contentHash);
      return { pin, texts: new Map(rows.map((row) => [String(row.text_hash), String(row.text)])) };
    },
    inUse: (limit) => {
      const sql = `SELECT content_hash, min(chapter_id) AS chapter_id, count(*) AS sessions FROM sessions
        WHERE content_hash IS NOT NULL GROUP BY content_hash ORDER BY max(last_updated) DESC, content_hash LIMIT ?`;
      return database.all(sql, limit).map((row) => ({
        content_hash: String(row.content_hash), chapter_id: String(row.chapter_id), sessions: Number(row.sessions),
      }));
    },
    collect: (before) => database.transaction(() => {
      const unused = 'used_at < ? AND NOT EXISTS (SELECT 1 FROM sessions WHERE sessions.content_hash = pins.content_hash)';
      const removed = database.run(`DELETE FROM pins WHERE ${unused}`, before);
      database.run('DELETE FROM texts WHERE NOT EXISTS (SELECT 1 FROM pin_texts WHERE pin_texts.text_hash = texts.text_hash)');
      return removed;
    }),
  };
}
