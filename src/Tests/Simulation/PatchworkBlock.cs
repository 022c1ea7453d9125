using Harness.Io;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>
/// A disk of 1 MiB in which every other piece of 512 bytes is a hole; the others have data that depends on the offset. A READ is answered with one extent per
/// piece.
/// </summary>
internal sealed class PatchworkBlock : TestBlock
{
    public const int PieceBytes = 512;

    private readonly NativeBuffer _disk = new(1 << 20, clear: true);

    public PatchworkBlock()
    {
        Contents().CopyTo(_disk.Whole.Span);
    }

    public override BlockCapabilities Capabilities => base.Capabilities | BlockCapabilities.Cache;

    public static bool IsHole(int offset) => offset / PieceBytes % 2 == 1;

    public static byte[] Contents() => [.. Enumerable.Range(0, 1 << 20).Select(i => IsHole(i) ? (byte)0 : (byte)(i * 31 >> 3))];

    public override void Start(BlockRequest request)
    {
        if (request.Command == NbdCommand.Read)
        {
            for (int at = (int)request.Offset, end = at + (int)request.Length; at < end;)
            {
                int length = Math.Min(end - at, PieceBytes - (at % PieceBytes));
                if (IsHole(at))
                {
                    request.AddHole((ulong)length);
                }
                else
                {
                    request.AddData(_disk.Slice(at, length), lease: null);
                }

                at += length;
            }
        }

        request.Complete(0);
    }

    public override void Dispose() => _disk.Dispose();
}
