/**
 * The old procedure's backup-storage.ts and recovery-storage.ts, kept as they were: one page of 1000, one level deep, one
 * object after the other, errors passed over. Only the folder and the `apikey` header are new: without that, Supabase's
 * gateway refuses every request. A process of its own: `node bench/old-storage-procedure.ts backup|restore BUCKET…`.
 */
import fs from "node:fs";
import path from "node:path";
import { StorageClient } from "@supabase/storage-js";

class StorageBackup {
  private readonly storage: StorageClient;
  private readonly backupDir: string;

  constructor() {
    const key = process.env["SUPABASE_SERVICE_ROLE_KEY"] ?? "";
    this.storage = new StorageClient(process.env["SUPABASE_URL"] ?? "", {
      Authorization: `Bearer ${key}`,
      apikey: key,
    });
    this.backupDir = process.env["BACKUP_DIR"] ?? "";
  }

  async backupBucket(bucketName: string): Promise<void> {
    const [date = ""] = new Date().toISOString().split("T");
    const backupPath = path.join(this.backupDir, bucketName, date);
    if (!fs.existsSync(backupPath)) fs.mkdirSync(backupPath, { recursive: true });
    const { data, error } = await this.storage.from(bucketName).list("", {
      limit: 1000,
      offset: 0,
      sortBy: { column: "created_at", order: "desc" },
    });
    if (error !== null) throw error;
    for (const file of data) {
      const filePath = path.join(backupPath, file.name);
      const { data: fileData, error: fileError } = await this.storage.from(bucketName).download(file.name);
      if (fileError !== null) {
        console.error(`Error downloading ${file.name}:`, fileError);
        continue;
      }
      const buffer = await fileData.arrayBuffer();
      fs.writeFileSync(filePath, Buffer.from(buffer));
    }
    console.log(`Backup of bucket ${bucketName} completed to ${backupPath}`);
  }

  async restoreBucket(bucketName: string, backupDate: string): Promise<void> {
    const backupPath = path.join(this.backupDir, bucketName, backupDate);
    for (const fileName of fs.readdirSync(backupPath)) {
      const fileContent = fs.readFileSync(path.join(backupPath, fileName));
      const { error } = await this.storage.from(bucketName).upload(fileName, fileContent, { upsert: true });
      if (error !== null) {
        console.error(`Error restoring ${fileName}:`, error);
        continue;
      }
    }
    console.log(`Restore of bucket ${bucketName} from ${backupDate} completed`);
  }
}

const [act = "", ...buckets] = process.argv.slice(2);
const manager = new StorageBackup();
for (const bucket of buckets) {
  if (act === "backup") {
    await manager.backupBucket(bucket);
    continue;
  }
  const [newest = ""] = fs
    .readdirSync(path.join(process.env["BACKUP_DIR"] ?? "", bucket))
    .sort()
    .reverse();
  await manager.restoreBucket(bucket, newest);
}
