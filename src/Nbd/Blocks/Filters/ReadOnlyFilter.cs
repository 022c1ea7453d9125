namespace Harness.Nbd;

/// <summary>Refuses every change with EPERM: the gate does, since this says that nothing may be changed. A file behind it is opened for reading only.</summary>
public sealed class ReadOnlyFilter : BlockFilter
{
    private ReadOnlyFilter(IBlock next)
        : base(next)
    {
    }

    /// <summary>For the catalog.</summary>
    public static FilterKind Kind { get; } = new(
        "readonly",
        "Every change is refused with EPERM.",
        "readonly/file:/srv/disk.img",
        [],
        (arguments, next) => new ReadOnlyFilter(next) { Parameters = arguments.Text })
    {
        OnlyReadsNext = true,
    };

    /// <inheritdoc/>
    public override string Name => Kind.Name;

    /// <inheritdoc/>
    public override BlockCapabilities Capabilities => Next.Capabilities | BlockCapabilities.ReadOnly;
}
