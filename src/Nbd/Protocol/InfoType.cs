namespace Harness.Nbd;

/// <summary>Facts about an export in INFO and GO (16 bits on the wire; other values are legal and ignored). NBD protocol, "Info types".</summary>
public enum InfoType : ushort
{
    /// <summary>EXPORT: size and transmission flags; always sent.</summary>
    Export = 0,

    /// <summary>NAME: the canonical name.</summary>
    Name = 1,

    /// <summary>DESCRIPTION: a text for people.</summary>
    Description = 2,

    /// <summary>BLOCK_SIZE: minimum, preferred and largest payload.</summary>
    BlockSize = 3,
}

/// <summary>The facts that a client asks for: a set of <see cref="InfoType"/>, one bit each, with those that nobody knows left out.</summary>
[Flags]
public enum InfoTypes : byte
{
    /// <summary>Nothing in particular; EXPORT is sent anyhow.</summary>
    None = 0,

    /// <summary><see cref="InfoType.Export"/>.</summary>
    Export = 1 << InfoType.Export,

    /// <summary><see cref="InfoType.Name"/>.</summary>
    Name = 1 << InfoType.Name,

    /// <summary><see cref="InfoType.Description"/>.</summary>
    Description = 1 << InfoType.Description,

    /// <summary><see cref="InfoType.BlockSize"/>: the client will obey the block sizes that it is told.</summary>
    BlockSize = 1 << InfoType.BlockSize,
}
