namespace Harness.Nbd;

/// <summary>What the kernel's own NBD client is told of a device. Immutable; any thread may read it.</summary>
public sealed record KernelDeviceOptions
{
    /// <summary>Connections, at least 1; the kernel has a hardware queue for each. More than one only to a server that offers CAN_MULTI_CONN.</summary>
    public int Connections { get; init; } = 1;

    /// <summary>The device's logical block: 512 to the page's size, a power of two.</summary>
    public uint BlockBytes { get; init; } = 512;

    /// <summary>Bytes of the device, at most the export's; null takes those of the export.</summary>
    public ulong? Size { get; init; }

    /// <summary>
    /// How long a request may stay unanswered, whole seconds; null leaves it to the kernel, which then keeps what was sent on a device's one connection waiting
    /// for ever. When it has passed, the request is sent again on a connection that lives.
    /// </summary>
    public TimeSpan? RequestTimeout { get; init; }

    /// <summary>
    /// How long requests wait, whole seconds, while no connection lives, for <see cref="KernelClient.Reattach"/>; null fails them with EIO at once.
    /// </summary>
    public TimeSpan? DeadConnectionTimeout { get; init; }
}
