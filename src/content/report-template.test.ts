import { describe, expect, it } from 'vitest';
import { parseReportTemplate } from './report-template.ts';

describe('parseReportTemplate', () => {
  it('gives order, titles and guidance of the sections it knows', () => {
    expect(parseReportTemplate('# Report\n## 下一步建议\n[一条建议] [不超过两句]\n## 学习者状态\n### 细节\n[情绪]\n## 天气\n[忽略]\n## 任务状态\n## Recent activity\n')).toEqual([
      { section: 'next', title: '下一步建议', guidance: '一条建议 不超过两句' },
      { section: 'student', title: '学习者状态', guidance: '情绪' },
      { section: 'tasks', title: '任务状态', guidance: '' },
      { section: 'recent', title: 'Recent activity', guidance: '' },
    ]);
  });

  it('takes the first heading of a section and finds nothing in a text without headings', () => {
    expect(parseReportTemplate('## Tasks\n## More tasks').map(({ title }) => title)).toEqual(['Tasks']);
    expect(parseReportTemplate('```\n## Tasks\n```\nplain {{NAME}}')).toEqual([]);
  });
});
