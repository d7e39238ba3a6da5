/**
 * Lets everything happen that can happen without time passing: promises run to their end before an immediate does. Twice, because
 * what is handed over by an immediate (as a broker may) may begin more.
 */
export async function settle(): Promise<void> {
  for (let round = 0; round < 2; round++)
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
}
