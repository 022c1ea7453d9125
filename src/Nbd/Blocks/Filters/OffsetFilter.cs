namespace Harness.Nbd;

/// <summary>The part of a disk that begins at an offset.</summary>
public sealed class OffsetFilter : WindowFilter
{
    private OffsetFilter(IBlock next, ulong start, ulong size)
        : base(next, start, size)
    {
    }

    /// <summary>For the catalog.</summary>
    public static FilterKind Kind { get; } = new(
        "offset",
        "A part of what is behind it, as a disk of its own.",
        "offset:offset=1M,length=64M/file:/srv/disk.img",
        [
            new("offset", "SIZE", "its first byte [default: 0]"),
            new("length", "SIZE", "its bytes [default: to the end]"),
        ],
        Make);

    /// <inheritdoc/>
    public override string Name => Kind.Name;

    private static OffsetFilter Make(FilterArguments arguments, IBlock next)
    {
        ulong start = arguments.Size("offset", 0);
        if (start >= next.Size)
        {
            throw arguments.Wrong($"offset={start} is not inside the {next.Size} bytes of {next.Describe()}");
        }

        ulong size = arguments.Size("length", next.Size - start);
        if (size == 0 || size > next.Size - start)
        {
            throw arguments.Wrong($"length={size} is not from 1 to {next.Size - start}, which is what {next.Describe()} has from offset {start} on");
        }

        uint block = next.Constraints.Minimum;
        if ((start | size) % block != 0)
        {
            throw arguments.Wrong($"offset and length must be multiples of {block}, the smallest block of {next.Describe()}");
        }

        return new OffsetFilter(next, start, size) { Parameters = arguments.Text };
    }
}
