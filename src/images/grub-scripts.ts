/** Everything that our menus and their readers use. Built in, so that a boot asks the server for menus and boot files only. */
export const builtInModules: readonly string[] = [
  'pxe net tftp http chain pxechain biosdisk part_msdos part_gpt',
  'normal legacycfg configfile password password_pbkdf2 gcry_md5 gcry_sha512',
  'linux linux16 multiboot multiboot2 gzio xzio relocator all_video',
  'serial terminal minicmd echo sleep test true regexp ls cat reboot halt',
  'memdisk tar',
].flatMap((line) => line.split(' '));

/** Runs before there is a shell language; everything else stands in the script of the memory disk. */
export const earlyScript = 'set prefix=(memdisk)/grub\nnormal (memdisk)/start.cfg\n';

/**
 * `pxegrub`: does what GRUB Legacy's pxegrub did. The menu's name is option 150 of the DHCP answer that the firmware got
 * (GRUB sees it through PXE's cached packet). A menu that is not there, or has no title, is asked for again until Esc; one
 * without titles may have a script beside it that says more. In a loop: a menu that names itself would nest for ever.
 */
export const pxegrubScript = `if ! net_get_dhcp_option menu pxe 150 string; then
  menu=/grub/menu.lst
fi
while true; do
  seconds=10
  if legacy_configfile (pxe)$menu; then
    source (pxe)$menu.wait
  else
    echo "No menu $menu on $net_default_server."
  fi
  echo "Asking again in $seconds seconds; Esc for a command line."
  if ! sleep --interruptible $seconds; then
    break
  fi
done
`;

/** `grub2.0`: GRUB 2's own way, with the names that GRUB itself looks for: by MAC, by address in hexadecimal, grub.cfg. */
export const grub2Script = `set prefix=(tftp)/grub
until normal; do
  echo "No /grub/grub.cfg on $net_default_server. Trying again in 10 seconds; Esc for a command line."
  if ! sleep --interruptible 10; then
    break
  fi
done
`;
